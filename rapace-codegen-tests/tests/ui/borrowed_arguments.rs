#[rapace::service]
trait Service {
    fn changed(&self, a: &mut u8);
    fn changed_inside(&self, a: Option<&mut u8>);
    fn lasting(&self, a: &'static str);
    fn undeclared(&self, a: &'a str);
    fn undeclared_inside(&self, a: Vec<&'a str>);
    fn deep(&self, a: Vec<&u32>);
    fn deeper(&self, a: &[&u32]);
    fn without_size(&self, a: str, b: [u8]);
}

fn main() {}
