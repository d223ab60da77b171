//! Schemas of an alarm and of what people did with it.

use super::alarm;
use utoipa::openapi::RefOr;
use utoipa::openapi::schema::{ArrayBuilder, KnownFormat, ObjectBuilder, Schema, SchemaFormat, Type};
use utoipa::{PartialSchema, ToSchema};

/// The schema of an alarm.
#[derive(Debug)]
pub struct AlarmSchema;

impl PartialSchema for AlarmSchema {
    fn schema() -> RefOr<Schema> {
        alarm().build().into()
    }
}

impl ToSchema for AlarmSchema {
    fn name() -> std::borrow::Cow<'static, str> {
        "Alarm".into()
    }
}

/// Adds what people did with an alarm: nothing of it is there unless it was done.
pub(super) fn add_to(object: ObjectBuilder) -> ObjectBuilder {
    let time = |text| self::text(text).format(Some(SchemaFormat::KnownFormat(KnownFormat::DateTime)));
    let properties = [
        ("acknowledged_by", text("Who takes care of the alarm.")),
        ("acknowledged_at", time("Since when.")),
        ("snoozed_by", text("Who stopped its notifications for a while.")),
        ("snoozed_at", time("When that was said.")),
        ("snoozed_until", time("The end of that; it may have passed.")),
        ("false_alarm_by", text("Who says that the turbine was running normally.")),
        ("false_alarm_at", time("When that was said.")),
    ];
    let object =
        properties.into_iter().fold(object, |object, (name, property)| object.property(name, property.build()));
    let comment = ["by", "at", "text"].into_iter().fold(ObjectBuilder::new(), ObjectBuilder::required);
    let comment = comment
        .property("by", text("Who says so.").build())
        .property("at", time("When.").build())
        .property("text", text("The words.").build());
    let comments =
        ArrayBuilder::new().items(comment.build()).description(Some("The newest 50 comments, oldest first."));
    object.property("comments", comments.build())
}

fn text(description: &str) -> ObjectBuilder {
    ObjectBuilder::new().schema_type(Type::String).description(Some(description))
}
