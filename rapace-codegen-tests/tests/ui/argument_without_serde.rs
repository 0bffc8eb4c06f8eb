pub struct Point {
    pub x: i32,
}

#[rapace::service]
trait Service {
    fn by_value(&self, sound: u8, point: Point);
}

#[rapace::service]
trait Lent {
    fn lent(&self, sound: u8, point: &Point);
}

#[rapace::service]
trait Inside {
    fn inside(&self, points: Vec<Option<Point>>);
}

#[rapace::service]
trait Slices {
    fn slice(&self, points: &[Point]);
}

fn main() {}
