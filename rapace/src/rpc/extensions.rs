//! Values that handlers find in their context, by type.

use std::any::{Any, TypeId, type_name};
use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, OnceLock};

/// At most one value of each type, for the handlers of a session: [`Context::extension`](crate::Context::extension).
#[derive(Clone, Default)]
pub struct Extensions {
    /// A handful, so they are looked through.
    values: Vec<Value>,
}

#[derive(Clone)]
struct Value {
    id: TypeId,
    name: &'static str,
    value: Arc<dyn Any + Send + Sync>,
}

impl Extensions {
    /// Puts a value in, instead of one of the same type that was there.
    pub fn insert<T: Send + Sync + 'static>(&mut self, value: T) {
        let (id, name) = (TypeId::of::<T>(), type_name::<T>());
        self.values.retain(|known| known.id != id);
        self.values.push(Value { id, name, value: Arc::new(value) });
    }

    /// The value of this type.
    pub fn get<T: Send + Sync + 'static>(&self) -> Option<&T> {
        let id = TypeId::of::<T>();
        self.values.iter().find(|known| known.id == id)?.value.downcast_ref()
    }
}

/// Those of a session, once it has begun. Whoever holds the session last drops them, in the midst of work of its own, so a panic of theirs
/// ends there.
#[derive(Debug, Default)]
pub(crate) struct OfSession(OnceLock<Extensions>);

impl OfSession {
    pub(crate) fn get(&self) -> Option<&Extensions> {
        self.0.get()
    }

    /// False when there were some before.
    pub(crate) fn set(&self, extensions: Extensions) -> bool {
        self.0.set(extensions).is_ok()
    }
}

impl Drop for OfSession {
    fn drop(&mut self) {
        let extensions = self.0.take();
        if let Err(panic) = catch_unwind(AssertUnwindSafe(|| drop(extensions))) {
            // What it carries is the user's as well.
            std::mem::forget(panic);
        }
    }
}

impl fmt::Debug for Extensions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.values.iter().map(|known| known.name)).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn there_is_one_value_of_a_type_and_the_last_one_counts() {
        let mut extensions = Extensions::default();
        extensions.insert(1_u8);
        extensions.insert("text");
        let before = extensions.clone();
        extensions.insert(2_u8);
        assert_eq!((extensions.get::<u8>(), extensions.get::<&str>()), (Some(&2), Some(&"text")));
        assert_eq!((before.get::<u8>(), before.get::<u16>()), (Some(&1), None));
        assert_eq!(format!("{before:?}"), "{\"u8\", \"&str\"}");
    }
}
