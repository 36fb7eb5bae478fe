use std::ops::RangeInclusive;

use serde_json::json;

use super::*;

fn page(ids: impl IntoIterator<Item = u64>, total: Option<u64>) -> UserPage {
    let users = ids.into_iter().map(|id| RemoteUser::read(&json!({"id": id.to_string()})).unwrap()).collect();
    UserPage { users, total }
}

fn read(body: Value) -> Result<UserPage, Failure> {
    UserPage::read(&Answer { status: 200, body: Some(body), location: None })
}

/// Walks over a server until the walk ends; gives the ids found and the number of requests.
fn walk(walk: &mut Walk, serve: impl Fn(u64, u32) -> UserPage) -> Result<(Vec<u64>, u32), WalkError> {
    let (mut found, mut requests) = (Vec::new(), 0);
    loop {
        let ScimRequest::ListUsers { start_index, count } = walk.next_request() else { panic!("not a list") };
        requests += 1;
        let step = walk.accept(serve(start_index, count))?;
        let (WalkStep::More(users) | WalkStep::Last(users)) = &step;
        found.extend(users.iter().map(|user| user.id.as_deref().unwrap().parse::<u64>().unwrap()));
        if matches!(step, WalkStep::Last(_)) {
            return Ok((found, requests));
        }
    }
}

/// The ids from `start` on, at most `most`, of users 1 to `all`.
fn slice(all: u64, start: u64, most: u64) -> RangeInclusive<u64> {
    start..=all.min(start + most - 1)
}

#[test]
fn a_list_that_is_not_one_is_malformed() {
    for body in [
        json!({}),
        json!([]),
        json!({"id": "1", "userName": "jane"}),
        json!({"schemas": [LIST_SCHEMA]}),
        json!({"Resources": "none", "totalResults": 0}),
        json!({"Resources": []}),
        json!({"Resources": [{"id": "1"}, "2"], "totalResults": 2}),
        json!({"Resources": [{"schemas": ["x"]}], "totalResults": 1}),
    ] {
        assert_eq!(read(body.clone()).unwrap_err().kind, FailureKind::Malformed, "{body}");
    }
    let without_body = Answer { status: 200, body: None, location: None };
    assert_eq!(UserPage::read(&without_body).unwrap_err().kind, FailureKind::Malformed);
}

#[test]
fn a_list_may_leave_out_what_it_does_not_need() {
    for (body, count, total) in [
        (json!({"totalResults": 0}), 0, Some(0)),
        (json!({"totalresults": "3", "resources": null}), 0, Some(3)),
        (json!({"Resources": [{"id": "1"}]}), 1, None),
        (json!({"schemas": [LIST_SCHEMA], "Resources": []}), 0, None),
    ] {
        let page = read(body).unwrap();
        assert_eq!((page.users.len(), page.total), (count, total));
    }
}

#[test]
fn a_plain_list_is_walked_to_its_end() {
    let mut pager = Walk::new(100);
    let found = walk(&mut pager, |start, count| page(slice(250, start, count.into()), Some(250))).unwrap();
    assert_eq!(found, ((1..=250).collect(), 3));
    assert_eq!((pager.is_steady(), pager.seen(), pager.total()), (true, 250, Some(250)));
}

#[test]
fn pages_that_are_capped_below_what_was_asked_are_walked_by_what_was_returned() {
    for cap in [20, 100] {
        let found = walk(&mut Walk::new(500), |start, _| page(slice(230, start, cap), Some(230))).unwrap();
        assert_eq!(found.0, (1..=230).collect::<Vec<_>>());
    }
}

#[test]
fn a_server_that_does_not_count_is_walked_until_an_empty_page() {
    let found = walk(&mut Walk::new(100), |start, _| page(slice(45, start, 20), None)).unwrap();
    assert_eq!(found, ((1..=45).collect(), 4));
}

#[test]
fn a_server_that_gives_everybody_at_once_is_done_after_one_page() {
    assert_eq!(walk(&mut Walk::new(100), |_, _| page(1..=40, Some(40))).unwrap().1, 1);
    let more_than_asked = walk(&mut Walk::new(10), |_, _| page(1..=40, Some(40))).unwrap();
    assert_eq!(more_than_asked, ((1..=40).collect(), 2));
}

#[test]
fn a_full_page_is_not_believed_to_be_the_last_even_if_the_total_says_so() {
    // This server's total is the size of the page.
    let found = walk(&mut Walk::new(10), |start, count| {
        let ids = slice(25, start, count.into());
        let total = ids.clone().count() as u64;
        page(ids, Some(total))
    });
    assert_eq!(found.unwrap().0, (1..=25).collect::<Vec<_>>());
}

#[test]
fn a_server_that_ignores_start_index_is_found_out() {
    let broken = walk(&mut Walk::new(20), |_, _| page(1..=20, Some(50))).unwrap_err();
    assert_eq!(broken, WalkError::PagingBroken { seen: 20, total: Some(50) });
    let uncounted = walk(&mut Walk::new(20), |_, _| page(1..=20, None)).unwrap_err();
    assert_eq!(uncounted, WalkError::PagingBroken { seen: 20, total: None });
    assert!(broken.to_string().contains("20 users already seen, of 50"));
}

#[test]
fn rows_again_past_the_end_are_neither_found_twice_nor_an_error() {
    let found = walk(&mut Walk::new(10), |start, count| match start {
        21.. => page(11..=20, Some(20)),
        _ => page(slice(20, start, count.into()), Some(20)),
    });
    assert_eq!(found.unwrap(), ((1..=20).collect(), 3));
}

#[test]
fn a_boundary_that_moves_gives_each_user_once() {
    // A user was put before the others after the first page, so the second page begins with a repetition.
    let found = walk(&mut Walk::new(10), |start, _| match start {
        1 => page(1..=10, Some(19)),
        11 => page(10..=19, Some(20)),
        _ => page([], Some(20)),
    });
    assert_eq!(found.unwrap().0, (1..=19).collect::<Vec<_>>());
}

#[test]
fn totals_that_change_on_the_way_are_followed() {
    let mut pager = Walk::new(10);
    let found = walk(&mut pager, |start, _| match start {
        1 => page(1..=10, Some(12)),
        11 => page(11..=20, Some(30)),
        _ => page(21..=25, Some(25)),
    });
    assert_eq!(found.unwrap().0.len(), 25);
    assert!(!pager.is_steady());
}

#[test]
fn a_walk_that_was_not_shown_all_that_was_counted_is_not_steady() {
    let mut pager = Walk::new(10);
    walk(&mut pager, |start, _| if start == 1 { page(1..=10, Some(12)) } else { page([], Some(12)) })
        .unwrap();
    assert!(!pager.is_steady());
    let mut empty = Walk::new(10);
    walk(&mut empty, |_, _| page([], Some(5))).unwrap();
    assert!(!empty.is_steady());
}

#[test]
fn a_list_that_never_ends_is_given_up() {
    let endless = walk(&mut Walk::new(0), |start, _| page([start], None)).unwrap_err();
    assert_eq!(endless, WalkError::TooManyPages { pages: MOST_PAGES });
}

#[test]
fn users_without_ids_are_told_apart_by_name() {
    let named = |name| RemoteUser::read(&json!({"userName": name})).unwrap();
    let mut pager = Walk::new(3);
    let users = vec![named("a"), named("B"), named("b")];
    let step = pager.accept(UserPage { users, total: Some(3) }).unwrap();
    assert!(matches!(step, WalkStep::More(users) if users.len() == 2));
}
