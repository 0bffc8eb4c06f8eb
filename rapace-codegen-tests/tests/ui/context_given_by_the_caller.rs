#[rapace::service]
trait Service {
    fn whoami(&self, cx: &rapace::Context, a: u8) -> u32;
}

fn call(client: &ServiceClient, cx: &rapace::Context) {
    let _ = client.whoami(cx, 1).wait();
}

fn main() {}
