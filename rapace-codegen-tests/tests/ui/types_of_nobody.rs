#[rapace::service]
trait Service {
    fn object(&self, a: Box<dyn Fn()>);
    fn borrowed_object(&self, a: &dyn Fn());
    fn error(&self) -> Result<u8, Box<dyn std::error::Error>>;
    fn own(&self, a: Self);
    fn own_result(&self) -> Self;
    fn hole(&self, a: Vec<_>);
    fn never(&self) -> !;
    fn some(&self, a: impl Copy) -> impl Copy;
}

fn main() {}
