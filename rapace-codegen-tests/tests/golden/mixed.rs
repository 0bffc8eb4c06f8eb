//! Streams and one-way calls of a trait with a parameter, under conditions and with bodies.

#[rapace::service]
pub trait Topic<T: Clone>: Send + Sync {
    fn read(&self, from: u64, items: rapace::Tx<T>) -> u64;
    fn write(&self, mut items: rapace::Rx<T>) -> u64 {
        items.iter().map_while(Result::ok).map(|item| self.put(item)).count() as u64
    }
    #[rapace(oneway)]
    fn put(&self, item: T);
    #[cfg(any())]
    fn never(&self, missing: rapace::Rx<Missing>, other: rapace::Tx<Missing>);
    #[cfg(any())]
    #[rapace(oneway)]
    fn nothing(&self, missing: Missing);
}
