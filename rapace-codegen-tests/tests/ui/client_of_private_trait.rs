mod inside {
    #[rapace::service]
    trait Service {
        fn sound(&self) -> u8;
    }
}

fn call(client: &inside::ServiceClient) {
    let _ = client.sound().wait();
}

fn main() {}
