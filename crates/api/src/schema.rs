//! Schemas of what the handlers take and give, where they cannot be derived: readings are of the model's features, and the
//! pipeline's types know no OpenAPI.

mod handling;

pub use handling::AlarmSchema;

use pipeline::decode::MAX_BATCH;
use turbine_core::feature::{Feature, FeatureSet};
use turbine_core::reading::MissingValues;
use utoipa::openapi::schema::{
    ArrayBuilder, KnownFormat, Object, ObjectBuilder, OneOfBuilder, Schema, SchemaFormat, SchemaType, Type,
};
use utoipa::openapi::{Ref, RefOr};
use utoipa::{PartialSchema, ToSchema};

/// The names of turbines; see `TurbineId`.
const TURBINE_ID_PATTERN: &str = "^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$";

/// RFC 3339. The format alone lets many programs send an empty text.
const TIMESTAMP_PATTERN: &str =
    r"^[0-9]{4}-[0-9]{2}-[0-9]{2}[Tt ][0-9]{2}:[0-9]{2}:[0-9]{2}(\.[0-9]+)?([Zz]|[+-][0-9]{2}:[0-9]{2})$";

/// The schema of one reading: that of the default turbine until the model's takes its place.
#[derive(Debug)]
pub struct ReadingSchema;

/// The schema of one reading as a form, which knows no null.
#[derive(Debug)]
pub struct FormSchema;

/// The schema of a batch.
#[derive(Debug)]
pub struct BatchSchema;

impl PartialSchema for ReadingSchema {
    fn schema() -> RefOr<Schema> {
        reading(&FeatureSet::turbine(), [Type::String, Type::Null], MissingValues::Refuse).into()
    }
}

impl ToSchema for ReadingSchema {
    fn name() -> std::borrow::Cow<'static, str> {
        "Reading".into()
    }
}

impl PartialSchema for FormSchema {
    fn schema() -> RefOr<Schema> {
        reading(&FeatureSet::turbine(), [Type::String], MissingValues::Refuse).into()
    }
}

impl ToSchema for FormSchema {
    fn name() -> std::borrow::Cow<'static, str> {
        "ReadingForm".into()
    }
}

impl PartialSchema for BatchSchema {
    fn schema() -> RefOr<Schema> {
        let readings = ArrayBuilder::new().items(Ref::from_schema_name("Reading")).max_items(Some(MAX_BATCH)).build();
        ObjectBuilder::new().property("readings", readings).required("readings").build().into()
    }
}

impl ToSchema for BatchSchema {
    fn name() -> std::borrow::Cow<'static, str> {
        "Batch".into()
    }

    fn schemas(schemas: &mut Vec<(String, RefOr<Schema>)>) {
        schemas.push(("Reading".to_owned(), ReadingSchema::schema()));
    }
}

/// The schema of a reading of these features, whose optional keys are of the types `optional`.
pub fn reading<const N: usize>(features: &FeatureSet, optional: [Type; N], missing: MissingValues) -> Object {
    let may_be_null = missing == MissingValues::Carry && optional.contains(&Type::Null);
    let null = may_be_null.then_some(Type::Null);
    let schema = features.iter().fold(ObjectBuilder::new(), |schema, feature| {
        let number = number(feature, SchemaType::from_iter([Type::Number].into_iter().chain(null.clone())));
        let schema = schema.property(feature.name.clone(), number);
        if missing == MissingValues::Refuse { schema.required(feature.name.clone()) } else { schema }
    });
    let text = |description: &str, pattern: &str| {
        let text = ObjectBuilder::new().schema_type(SchemaType::from_iter(optional.clone()));
        text.description(Some(description)).pattern(Some(pattern))
    };
    let timestamp = text("When the reading was taken; RFC 3339.", TIMESTAMP_PATTERN)
        .format(Some(SchemaFormat::KnownFormat(KnownFormat::DateTime)));
    let turbine_id = text("The turbine it was taken at.", TURBINE_ID_PATTERN);
    schema
        .property("timestamp", timestamp.build())
        .property("turbine_id", turbine_id.build())
        .description(Some("One value a feature; other keys are ignored."))
        .build()
}

fn number(feature: &Feature, kind: SchemaType) -> Object {
    ObjectBuilder::new()
        .schema_type(kind)
        .description(Some(feature.label()))
        .minimum(feature.range.map(|range| range.min))
        .maximum(feature.range.map(|range| range.max))
        .build()
}

/// The schema of the faults of a refusal.
pub fn faults() -> Schema {
    let text =
        |description: &str| ObjectBuilder::new().schema_type(Type::String).description(Some(description)).build();
    let index = ObjectBuilder::new()
        .schema_type(Type::Integer)
        .minimum(Some(0))
        .description(Some("In a batch, the place of the reading, from 0."));
    let value =
        ObjectBuilder::new().schema_type(SchemaType::AnyValue).description(Some("What was sent; null if nothing."));
    let fault = ObjectBuilder::new()
        .property("index", index.build())
        .property("field", text("The key in the reading."))
        .property("problem", text("What is wrong with it."))
        .property("value", value.build());
    let fault = ["field", "problem", "value"].into_iter().fold(fault, ObjectBuilder::required);
    ArrayBuilder::new().items(fault.build()).description(Some("The fields that are wrong, up to 100.")).build().into()
}

/// The schema of the list of turbines.
pub fn turbines() -> Schema {
    ArrayBuilder::new().items(turbine().build()).description(Some("The turbines of this page.")).build().into()
}

/// The schema of a turbine's state.
fn turbine() -> ObjectBuilder {
    let of = |kinds: [Type; 2]| ObjectBuilder::new().schema_type(SchemaType::from_iter(kinds));
    let count = || ObjectBuilder::new().schema_type(Type::Integer).minimum(Some(0));
    let when = |text: &str| {
        let time = of([Type::String, Type::Null]).format(Some(SchemaFormat::KnownFormat(KnownFormat::DateTime)));
        time.description(Some(text))
    };
    let flag = |text: &str| ObjectBuilder::new().schema_type(Type::Boolean).description(Some(text));
    let sensors = |text: &str| ObjectBuilder::new().schema_type(Type::Array).description(Some(text));
    let properties = [
        ("turbine_id", of([Type::String, Type::Null]).description(Some("Its name; null for readings that name none."))),
        ("last_reading", when("The latest time of a reading.")),
        ("readings", count().description(Some("Readings in the prediction log."))),
        ("anomalies", count().description(Some("Those that are anomalies."))),
        (
            "anomaly_score",
            of([Type::Number, Type::Null]).description(Some("Score of the reading with the latest time.")),
        ),
        ("model_version", of([Type::String, Type::Null]).description(Some("The model that scored it."))),
        ("smoothed_surprisal", of([Type::Number, Type::Null]).description(Some("Smoothed surprisal, in decades."))),
        ("in_alarm", flag("Whether an alarm is on.")),
        ("alarm_since", when("The time of the reading that raised the alarm.")),
        ("silent", flag("Whether more than ten typical intervals have passed without a reading.")),
        ("stuck", sensors("Sensors that are stuck.")),
        ("missing", sensors("Sensors without a value for too long to carry the last one.")),
        (
            "implausible",
            sensors("Sensors whose last value lies more than ten training ranges outside the training range."),
        ),
    ];
    properties
        .into_iter()
        .fold(ObjectBuilder::new(), |turbine, (name, property)| turbine.property(name, property.build()).required(name))
}

/// The schema of a turbine with its newest reading.
#[derive(Debug)]
pub struct TurbineDetailSchema;

impl PartialSchema for TurbineDetailSchema {
    fn schema() -> RefOr<Schema> {
        let values = numbers("The values of the newest reading, one a feature.");
        let why = OneOfBuilder::new().item(ObjectBuilder::new().schema_type(Type::Null).build()).item(why());
        let detail = handling::add_to(turbine()).property("values", values).required("values");
        detail.property("why", Schema::from(why.build())).required("why").build().into()
    }
}

impl ToSchema for TurbineDetailSchema {
    fn name() -> std::borrow::Cow<'static, str> {
        "Turbine".into()
    }
}

/// The schema of what a turbine read over time.
#[derive(Debug)]
pub struct HistorySchema;

impl PartialSchema for HistorySchema {
    fn schema() -> RefOr<Schema> {
        let time = |text: &str| {
            let time = ObjectBuilder::new().schema_type(Type::String).description(Some(text));
            time.format(Some(SchemaFormat::KnownFormat(KnownFormat::DateTime))).build()
        };
        let count =
            |text: &str| ObjectBuilder::new().schema_type(Type::Integer).minimum(Some(0)).description(Some(text));
        let number = || ObjectBuilder::new().schema_type(Type::Number).build();
        let spread = ["min", "mean", "max"]
            .into_iter()
            .fold(ObjectBuilder::new(), |spread, name| spread.property(name, number()).required(name));
        let in_alarm = ObjectBuilder::new().schema_type(Type::Boolean);
        let bucket: [(&str, RefOr<Schema>); 8] = [
            ("t", time("Where the bucket begins.").into()),
            ("n", count("Readings.").build().into()),
            ("min", numbers("The least value of each sensor.").into()),
            ("mean", numbers("The mean value of each sensor.").into()),
            ("max", numbers("The greatest value of each sensor.").into()),
            ("smoothed_surprisal", nullable(spread.build()).into()),
            ("anomalies", count("Readings that are anomalies.").build().into()),
            ("in_alarm", in_alarm.description(Some("Whether the alarm was on after any of them.")).build().into()),
        ];
        let bucket = bucket
            .into_iter()
            .fold(ObjectBuilder::new(), |bucket, (name, property)| bucket.property(name, property).required(name));
        let id = ObjectBuilder::new().schema_type(SchemaType::from_iter([Type::String, Type::Null]));
        let name = ObjectBuilder::new().schema_type(Type::String).build();
        let history: [(&str, RefOr<Schema>); 6] = [
            ("turbine_id", id.description(Some("Its name; null for readings that name none.")).build().into()),
            ("from", time("Where the first bucket could begin.").into()),
            ("to", time("Where the last bucket could end.").into()),
            ("bucket_seconds", count("The width of a bucket.").build().into()),
            ("features", ArrayBuilder::new().items(name).build().into()),
            ("buckets", ArrayBuilder::new().items(bucket.build()).build().into()),
        ];
        let history = history
            .into_iter()
            .fold(ObjectBuilder::new(), |history, (name, property)| history.property(name, property).required(name));
        history.build().into()
    }
}

impl ToSchema for HistorySchema {
    fn name() -> std::borrow::Cow<'static, str> {
        "History".into()
    }
}

fn numbers(description: &str) -> Schema {
    let number = ObjectBuilder::new().schema_type(Type::Number).build();
    ArrayBuilder::new().items(number).description(Some(description)).build().into()
}

/// The schema of the list of alarms.
pub fn alarms() -> Schema {
    ArrayBuilder::new().items(alarm().build()).description(Some("The alarms, newest first.")).build().into()
}

/// The schema of an alarm.
fn alarm() -> ObjectBuilder {
    let text = |text: &str| ObjectBuilder::new().schema_type(Type::String).description(Some(text));
    let of = |kinds: [Type; 2]| ObjectBuilder::new().schema_type(SchemaType::from_iter(kinds));
    let date_time = || Some(SchemaFormat::KnownFormat(KnownFormat::DateTime));
    let properties = [
        ("id", text("Turbine and time of the reading that raised it.")),
        (
            "turbine_id",
            of([Type::String, Type::Null]).description(Some("The turbine; null for readings that name none.")),
        ),
        ("raised", text("The time of the reading that raised it.").format(date_time())),
        (
            "cleared",
            of([Type::String, Type::Null])
                .format(date_time())
                .description(Some("The time of the reading that cleared it; null while it is running.")),
        ),
        (
            "peak",
            ObjectBuilder::new()
                .schema_type(Type::Number)
                .minimum(Some(0))
                .description(Some("The highest smoothed surprisal so far, in decades.")),
        ),
        ("peaked", text("The time of the reading at that peak.").format(date_time())),
        ("model_version", text("The model that raised it.")),
    ];
    let alarm = properties
        .into_iter()
        .fold(ObjectBuilder::new(), |alarm, (name, property)| alarm.property(name, property.build()).required(name))
        .property("why", why())
        .required("why");
    handling::add_to(alarm)
}

/// The schema of an explanation.
pub fn why() -> Schema {
    let number = |text: &str| ObjectBuilder::new().schema_type(Type::Number).description(Some(text));
    let properties = [
        ("feature", ObjectBuilder::new().schema_type(Type::String).description(Some("The feature."))),
        ("value", number("What it read, in its unit.")),
        ("expected", number("What was to be expected given the others, in its unit.")),
        ("share", number("Its share of the surprisal; all shares add up to 1.").minimum(Some(0)).maximum(Some(1))),
    ];
    let sensor = properties
        .into_iter()
        .fold(ObjectBuilder::new(), |sensor, (name, property)| sensor.property(name, property.build()).required(name));
    ArrayBuilder::new().items(sensor.build()).description(Some("The sensors, largest share first.")).build().into()
}

/// The schema of a feature's range.
pub fn range() -> Schema {
    let end = ObjectBuilder::new().schema_type(Type::Number).build();
    let range = ObjectBuilder::new().property("min", end.clone()).property("max", end).required("min").required("max");
    nullable(range.build())
}

/// The schema of how well a model did.
pub fn evaluation() -> Schema {
    let count = || ObjectBuilder::new().schema_type(Type::Integer).minimum(Some(0)).build();
    let figure = || {
        let kinds = SchemaType::from_iter([Type::Number, Type::Null]);
        ObjectBuilder::new().schema_type(kinds).minimum(Some(0)).maximum(Some(1)).build()
    };
    let counts = ["true_positives", "false_positives", "true_negatives", "false_negatives"];
    let confusion =
        counts.into_iter().fold(ObjectBuilder::new(), |schema, name| schema.property(name, count()).required(name));
    let figures = ["accuracy", "precision", "recall", "f1", "roc_auc"];
    let part = ObjectBuilder::new().property("confusion", confusion.build()).required("confusion");
    let part = figures.into_iter().fold(part, |schema, name| schema.property(name, figure()).required(name)).build();
    let parts = ["train", "val", "test"]
        .into_iter()
        .fold(ObjectBuilder::new(), |schema, name| schema.property(name, part.clone()).required(name));
    nullable(parts.build())
}

fn nullable(object: Object) -> Schema {
    OneOfBuilder::new().item(ObjectBuilder::new().schema_type(Type::Null).build()).item(object).build().into()
}
