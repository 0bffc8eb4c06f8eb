#[derive(serde::Serialize)]
pub struct Point {
    pub x: i32,
}

#[rapace::service]
trait Service {
    fn put(&self, point: Point);
}

#[rapace::service]
trait Results {
    fn get(&self) -> Point;
}

fn main() {}
