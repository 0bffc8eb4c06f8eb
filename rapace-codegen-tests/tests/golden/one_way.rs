//! Calls that are not answered.

#[rapace::service]
pub trait Journal {
    #[rapace(oneway)]
    fn line(&self, text: &str);
    #[rapace(oneway, blocking)]
    fn points(&self, cx: &rapace::Context, points: &[(u8, u16)]);
    #[rapace(oneway)]
    async fn flush(&self);
}
