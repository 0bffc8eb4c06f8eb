struct Calculator;

#[rapace::service]
impl Calculator {
    fn add(&self, a: i32, b: i32) -> i32 {
        a + b
    }
}

fn main() {
    Calculator.add(1, 2);
}
