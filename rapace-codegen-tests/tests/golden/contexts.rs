//! The context anywhere among arguments, and structs that borrow.

#[derive(serde::Serialize, serde::Deserialize)]
pub struct Person<'p> {
    pub name: &'p str,
}

#[rapace::service]
pub trait Contexts {
    fn first(&self, cx: &rapace::Context, person: Person<'_>, cow: std::borrow::Cow<'_, str>) -> String;
    async fn between(&self, text: &str, cx: &rapace::Context, names: &[&str]) -> usize;
    fn alone(&self, _: &rapace::Context) -> bool;
}
