#[rapace::service]
trait Service {
    fn object(&self, a: Box<dyn Copy>);
    fn borrowed_object(&self, a: &dyn Copy);
    fn error(&self) -> Result<u8, Box<dyn std::error::Error>>;
    fn own(&self, a: Self);
    fn own_item(&self, a: Vec<Self::Item>);
    fn hole(&self, a: Vec<_>);
    fn never(&self) -> !;
    fn some(&self, a: impl Copy) -> impl Copy;
}

fn main() {}
