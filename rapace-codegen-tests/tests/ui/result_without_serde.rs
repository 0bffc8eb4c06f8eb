pub struct Point {
    pub x: i32,
}

#[rapace::service]
trait Service {
    fn place(&self) -> Point;
}

#[rapace::service]
trait Inside {
    fn places(&self) -> Vec<Point>;
}

#[rapace::service]
trait Fallible {
    fn place(&self) -> Result<Point, String>;
}

fn main() {}
