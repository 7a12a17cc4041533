use super::*;
use crate::testing::Script;
use crate::{NotesCommand, QuotaCommand, RequestRead, RouteRead};

fn trace(attribute: &str) -> Trace {
    let mut trace = Trace::new();
    let question = Question::from(RouteRead::Attribute("scope".into()));
    trace.push(question, Answer::Text(Some(attribute.into())));
    trace
}

fn taught(tree: &Tree, trace: &Trace) -> Lesson {
    tree.learn(&Script::default(), trace, &Verdict::Proceed);
    tree.learn(&Script::default(), trace, &Verdict::Proceed)
}

async fn arrives(tree: &Tree, attribute: &str) -> bool {
    let texts = [("scope".to_owned(), attribute.to_owned())].into();
    let mut host = Script { texts, ..Script::default() };
    matches!(tree.walk(&mut host).await, Walk::Arrived(_))
}

#[test]
fn the_second_of_two_equal_runs_is_admitted() {
    let tree = Tree::new(Growth::default(), Vec::new());
    let lesson = || tree.learn(&Script::default(), &trace("a"), &Verdict::Proceed);
    assert_eq!(
        [lesson(), lesson(), lesson()],
        [Lesson::Remembered, Lesson::Admitted, Lesson::Remembered]
    );
    assert_eq!(tree.figures().nodes, 2);
}

#[tokio::test]
async fn beyond_the_fan_out_known_answers_stay_walkable_and_new_ones_are_declined() {
    let bounds = Bounds { fan_out_max: 100, ..Bounds::default() };
    let tree = Tree::new(Growth { bounds, ..Growth::default() }, Vec::new());
    for index in 0..150 {
        let lesson = taught(&tree, &trace(&format!("s{index}")));
        assert_eq!(lesson == Lesson::Admitted, index < 100, "{index}: {lesson:?}");
    }
    for index in 0..150 {
        assert_eq!(arrives(&tree, &format!("s{index}")).await, index < 100, "{index}");
    }
    assert_eq!(tree.figures().nodes, 101);
}

#[test]
fn neither_nodes_nor_bytes_nor_depth_pass_their_bounds() {
    for bounds in [
        Bounds { nodes_max: 10, ..Bounds::default() },
        Bounds { bytes_max: 20_000, ..Bounds::default() },
    ] {
        let tree = Tree::new(Growth { bounds, ..Growth::default() }, Vec::new());
        let lessons: Vec<_> =
            (0..50).map(|index| taught(&tree, &trace(&format!("s{index}")))).collect();
        assert!(lessons.contains(&Lesson::Admitted) && lessons.contains(&Lesson::Declined));
        let figures = tree.figures();
        assert!(figures.nodes <= bounds.nodes_max && figures.bytes <= bounds.bytes_max);
    }
    let bounds = Bounds { depth_max: 3, ..Bounds::default() };
    let tree = Tree::new(Growth { bounds, ..Growth::default() }, Vec::new());
    let mut deep = trace("a");
    for _ in 0..3 {
        deep.push(Question::from(QuotaCommand::Report), Answer::Done);
    }
    assert_eq!(taught(&tree, &deep), Lesson::Declined);
}

#[test]
fn raw_text_is_never_learnt_unlisted() {
    let tree = Tree::new(Growth::default(), Vec::new());
    let mut raw = Trace::new();
    let question = Question::from(RequestRead::Header("x-secret".into()));
    raw.push(question, Answer::Text(Some("s3cret".into())));
    assert_eq!(taught(&tree, &raw), Lesson::Declined);
    assert_eq!(tree.figures().nodes, 0);
}

#[test]
fn commands_that_differ_after_the_same_answers_are_a_contradiction() {
    let tree = Tree::new(Growth::default(), Vec::new());
    let with = |note: &str| {
        let mut trace = trace("a");
        let note = NotesCommand::Set("n".into(), note.into());
        trace.push(Question::from(note), Answer::Done);
        trace
    };
    assert_eq!(taught(&tree, &with("x")), Lesson::Admitted);
    tree.learn(&Script::default(), &trace("b"), &Verdict::Proceed);
    let lesson = tree.learn(&Script::default(), &with("y"), &Verdict::Proceed);
    assert_eq!(lesson, Lesson::Remembered, "no run of the same answers came right before it");
    let lesson = tree.learn(&Script::default(), &with("y"), &Verdict::Proceed);
    assert_eq!(lesson, Lesson::Contradicts);
    assert!(tree.figures().off && !tree.is_on());
    assert_eq!(taught(&tree, &trace("c")), Lesson::Declined);
}

#[test]
fn strangers_runs_replace_each_other_and_hold_no_more_than_their_table() {
    let mut candidates = Candidates::new();
    for index in 0..5_000 {
        let seen = candidates.seen(None, &trace(&format!("unique {index}")), &Verdict::Proceed);
        assert_eq!(seen, Ok(false));
    }
    assert!(candidates.len() <= 512);
}

#[tokio::test]
async fn readers_walk_while_a_tree_grows() {
    let tree = Arc::new(Tree::new(Growth::default(), Vec::new()));
    taught(&tree, &trace("first"));
    let teacher = Arc::clone(&tree);
    let teaching = std::thread::spawn(move || {
        (0..500).all(|index| taught(&teacher, &trace(&format!("s{index}"))) == Lesson::Admitted)
    });
    while !teaching.is_finished() {
        assert!(arrives(&tree, "first").await);
    }
    assert!(teaching.join().unwrap());
    assert!(arrives(&tree, "s499").await);
}

/// A tree in which the texts of a header branch, for each tenant apart.
fn apart(bounds: Bounds) -> Tree {
    Tree::new(Growth { bounds, ..Growth::default() }, vec![Branch::Header("x-plan".into())])
}

fn teach(tree: &Tree, tenant: &str, plan: &str) -> Lesson {
    let mut trace = Trace::new();
    let question = Question::from(RequestRead::Header("x-plan".into()));
    trace.push(question, Answer::Text(Some(plan.into())));
    let host = Script { tenant: Some(tenant.into()), ..Script::default() };
    tree.learn(&host, &trace, &Verdict::Proceed);
    tree.learn(&host, &trace, &Verdict::Proceed)
}

async fn knows(tree: &Tree, tenant: &str, plan: &str) -> bool {
    let texts = [("x-plan".to_owned(), plan.to_owned())].into();
    let mut host = Script { tenant: Some(tenant.into()), texts, ..Script::default() };
    matches!(tree.walk(&mut host).await, Walk::Arrived(_))
}

#[tokio::test]
async fn a_tenant_whose_requests_all_differ_stops_learning_for_itself_alone() {
    let tree = apart(Bounds { nodes_max: 800, ..Bounds::default() });
    let lessons: Vec<_> =
        (0..500).map(|index| teach(&tree, "noisy", &format!("plan-{index}"))).collect();
    assert!(lessons.contains(&Lesson::Declined));
    assert!(knows(&tree, "noisy", "plan-0").await, "what it knew stays");

    for tenant in ["one", "two", "three"] {
        for plan in ["gold", "silver"] {
            assert_eq!(teach(&tree, tenant, plan), Lesson::Admitted, "{tenant}");
            assert!(knows(&tree, tenant, plan).await);
        }
    }
    assert!(!knows(&tree, "one", "plan-0").await, "tenants are kept apart");
}

#[tokio::test]
async fn a_full_tree_forgets_the_tenants_that_are_not_there_any_more() {
    for bounds in [
        Bounds { nodes_max: 64, ..Bounds::default() },
        Bounds { bytes_max: 64 << 10, ..Bounds::default() },
        Bounds { fan_out_max: 8, ..Bounds::default() },
    ] {
        let tree = apart(bounds);
        for index in 0..200 {
            assert_ne!(teach(&tree, "steady", "gold"), Lesson::Declined, "{index}");
            assert!(knows(&tree, "steady", "gold").await, "{index}: it is in use");
            let tenant = format!("tenant-{index}");
            assert_eq!(teach(&tree, &tenant, "gold"), Lesson::Admitted, "{bounds:?} {index}");
            assert!(knows(&tree, &tenant, "gold").await);
        }
        assert!(!knows(&tree, "tenant-0", "gold").await);
        let figures = tree.figures();
        assert!(figures.nodes <= bounds.nodes_max && figures.bytes <= bounds.bytes_max);
    }
}
