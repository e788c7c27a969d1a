//! The events at the end of a page.

use seatrial_api::{Event, Time};
use seatrial_apiserver::printers::age;

use super::Surroundings;
use crate::kubectl::TabWriter;

pub(super) fn describe(out: &mut TabWriter, around: &Surroundings<'_>) {
    if around.events.is_empty() {
        return out.line(0, "Events:\t<none>");
    }
    let mut events: Vec<&Event> = around.events.iter().map(|e| &***e).collect();
    events.sort_by_key(|e| e.last_timestamp.or(e.event_time.map(Time::from)));
    out.line(0, "Events:");
    out.line(1, "Type\tReason\tAge\tFrom\tMessage");
    out.line(1, "----\t------\t----\t----\t-------");
    for event in events {
        let first = event.event_time.map(Time::from).or(event.first_timestamp);
        let mut when = age(first, around.now);
        if event.count > 1 {
            when = format!("{} (x{} over {when})", age(event.last_timestamp, around.now), event.count);
        }
        let source = &event.source;
        let from = if source.component.is_empty() { &source.reporting_component } else { &source.component };
        let message = event.message();
        let path = &event.involved_object.field_path;
        let message = if path.is_empty() { message.trim().to_owned() } else { format!("{path}: {}", message.trim()) };
        out.line(1, &format!("{}\t{}\t{when}\t{from}\t{message}", event.type_, event.reason));
    }
}
