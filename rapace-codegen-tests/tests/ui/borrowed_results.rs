#[rapace::service]
trait Service {
    fn text(&self) -> &str;
    fn lasting(&self) -> &'static str;
    fn inside(&self) -> Option<&[u8]>;
    fn cow(&self) -> std::borrow::Cow<'_, str>;
    fn of_another(&self, a: &str) -> Vec<&'a str>;
}

fn main() {}
