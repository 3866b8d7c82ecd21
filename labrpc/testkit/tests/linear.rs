//! x
use testkit::linear::*;
use testkit::linear::generate::*;
#[test]
fn all(){
  for fault in Fault::ALL { for seed in 0..4 {
    let h = Workload{clients:6,operations:300,puts_percent:3,appends_percent:50,fault:Some(fault),..Default::default()}.play(seed);
    println!("{fault:?}: {}", check(&h,Budget::default()).err().map_or("ok".into(),|v|v.to_string()));
    println!("   search: {}", check_by_search(&h,Budget::default()).err().map_or("ok".into(),|v|v.to_string()));
  }}
}
#[test]
fn speed(){
  for (clients,ops,keys,puts,apps) in [(15,1000,1,5,45),(15,1000,1,0,50),(15,1000,1,20,30),(15,1000,1,50,0),(15,1000,1,5,90),(30,3000,1,1,50),(50,1000,1,5,45),(20,100_000,20,5,45)] { for seed in 0..3 {
    let h = Workload{clients,operations:ops,keys,puts_percent:puts,appends_percent:apps,..Default::default()}.play(seed);
    #[allow(clippy::disallowed_types)]
    let t=std::time::Instant::now();
    let a=check_by_unique_values(&h).unwrap();
    let ta=t.elapsed();
    let t=std::time::Instant::now();
    let mut lo=1000;
    let b=check_by_search(&h,Budget{configurations_max:20_000_000});
    let tb=t.elapsed();
    while check_by_search(&h,Budget{configurations_max:lo}).is_err() && lo<20_000_000 {lo*=2}
    println!("{clients} {ops} {keys} {puts} {apps}: unique {ta:?} {a:?} search {tb:?} {b:?} ~{lo}");
  }}
}
