#[rapace::service]
trait Service {
    fn always(&self) -> u8;
    #[cfg(any())]
    fn never(&self) -> u8;
}

fn call(client: &ServiceClient) {
    let _ = client.always().wait();
    let _ = client.never().wait();
}

fn main() {}
