pub struct Context {
    pub user: u32,
}

#[rapace::service]
trait Service {
    fn whoami(&self, cx: &Context) -> u32;
}

fn main() {}
