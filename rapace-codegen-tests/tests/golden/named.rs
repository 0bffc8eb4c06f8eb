//! Names: raw ones, and those that generated code has for its own things.

#[derive(Debug, PartialEq, serde::Serialize, serde::Deserialize)]
pub(crate) struct Entry {
    pub(crate) value: u8,
}

#[derive(serde::Serialize, serde::Deserialize)]
pub(crate) struct Index {
    pub(crate) value: u8,
}

pub(crate) type T = u8;
pub(crate) type Result2 = u8;

#[rapace::service]
pub(crate) trait Named {
    fn r#type(&self, r#fn: u8) -> u8;
    fn entry(&self, index: Index, t: T) -> Entry;
    fn describe(&self, args: u8, out: u8, value: u8, from: u8) -> Result2;
    fn served(&self, request: u8, message: u8) -> u8;
}
