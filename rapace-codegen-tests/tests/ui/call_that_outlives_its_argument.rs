#![deny(unused_must_use)]

#[rapace::service]
trait Service {
    fn add(&self, a: u8, b: &str) -> u8;
    fn check(&self) -> Result<u8, String>;
}

fn outlive(client: &ServiceClient) -> rapace::Call<'_, impl Sized> {
    let text = String::from("short");
    client.add(1, &text)
}

fn later(client: &ServiceClient) {
    let call = {
        let text = String::from("short");
        client.add(1, &text)
    };
    let _ = call.wait();
}

fn main() {}
