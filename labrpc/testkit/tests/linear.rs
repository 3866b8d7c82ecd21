//! x
use testkit::linear::*;
use testkit::linear::generate::*;
#[test]
fn speed(){
  for (clients,ops,puts,apps,un,few) in [(5,1000,5,45,0,2),(15,300,5,45,0,2),(15,1000,5,45,0,2),(15,1000,5,45,0,10),(15,1000,20,30,0,3),(15,1000,50,0,0,3),(15,1000,50,0,0,30),(15,1000,0,50,0,2),(15,1000,5,45,5,100000),(50,1000,50,0,0,1000000),(50,1000,20,30,0,1000000),(50,1000,20,70,0,1000000)] { for seed in 0..3 {
   for fault in [None,Some(Fault::StaleRead),Some(Fault::LostWrite)] {
    let h = Workload{clients,operations:ops,puts_percent:puts,appends_percent:apps,unanswered_percent:un,values:Values::Few(few),fault,..Default::default()}.play(seed);
    #[allow(clippy::disallowed_types)]
    let t=std::time::Instant::now();
    let b=check_by_search(&h,Budget{configurations_max:1_000_000});
    let tb=t.elapsed();
    let (mut lo,mut hi)=(0,1_000_000);
    if !matches!(b,Err(Violation::Undecided{..})) {while lo+1000<hi { let m=(lo+hi)/2; if matches!(check_by_search(&h,Budget{configurations_max:m}),Err(Violation::Undecided{..})) {lo=m} else {hi=m}}}
    println!("{clients} {ops} {puts} {apps} {un} few{few} {fault:?}: search {tb:?} {} ~{hi}", match b {Ok(())=>"ok",Err(Violation::Undecided{..})=>"UNDECIDED",_=>"bad"});
  }}}
}
