//! Type parameters, a constant one, supertraits and a where clause.

#[rapace::service]
pub trait Store<K: Ord + Clone, const N: usize>: Send + Sync
where
    K: std::fmt::Debug,
{
    fn block(&self, key: K) -> Option<[u8; N]>;
    async fn all(&self, keys: &[K]) -> Vec<K>;
}
