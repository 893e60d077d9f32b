"""Event messages as the national specification has them, written by hand: FHIR STU3, in XML and in JSON."""

from __future__ import annotations

import json
from typing import Any
from xml.sax.saxutils import quoteattr

NUMBER = "9997786424"
OTHER_NUMBER = "9993674485"

_NHS_NUMBER = "https://fhir.nhs.uk/Id/nhs-number"
_CARE_CONNECT = "https://fhir.hl7.org.uk/STU3/StructureDefinition"
_EVENT = "https://fhir.nhs.uk/STU3"
DEATH, ADDRESS, RECORD = "pds-death-notification-1", "pds-change-of-address-1", "pds-record-change-1"

Tree = dict[str, Any]


def message(event: str, *more: Tree, header: Tree | None = None, **patient: Any) -> Tree:
    """A message bundle about one patient: its header first, what else there is, the patient last."""
    about = _patient(**patient)
    first = _header(event, patient.get("number", NUMBER)) | (header or {})
    entries = [first, {"resourceType": "Organization", "name": "Somebody"}, *more, about]
    return {
        "resourceType": "Bundle",
        "meta": {"profile": ["http://hl7.org/fhir/STU3/StructureDefinition/Bundle"]},
        "type": "message",
        "entry": [{"fullUrl": f"urn:uuid:{at}", "resource": one} for at, one in enumerate(entries)],
    }


def death(status: str = "2", updated: str = "2026-11-01T10:00:00+00:00", **patient: Any) -> Tree:
    """A death notification: 1 informal, 2 formal, U removed."""
    day = {} if status == "U" else {"deceasedDateTime": "2026-10-31T08:00:00+00:00"}
    notice = extension(f"{_CARE_CONNECT}/Extension-CareConnect-DeathNotificationStatus-1", extension=[
        extension("deathNotificationStatus", valueCodeableConcept=concept(
            "https://fhir.hl7.org.uk/STU3/CodeSystem/CareConnect-DeathNotificationStatus-1", status
        )),
        extension("systemEffectiveDate", valueDateTime=updated),
    ])  # fmt: skip
    return message(DEATH, header=updated_at(updated), **({"extension": [notice]} | day | patient))


def move(began: str = "2026-11-01", **patient: Any) -> Tree:
    """A change of address: the old one and the new."""
    return message(ADDRESS, **({"address": [address("old", "2020-01-01"), address("home", began)]} | patient))


def address(use: str, began: str) -> Tree:
    """An address of which only the use and the first day are read."""
    return {
        "use": use,
        "line": ["1 SAMPLE STREET", "TOWN"],
        "postalCode": "AA1 1AA",
        "period": {"start": began},
    }


def concept(system: str, code: str) -> Tree:
    """A coded value."""
    return {"coding": [{"system": system, "code": code, "display": "as in the code system"}]}


def extension(url: str, **content: Any) -> Tree:
    """An extension."""
    return {"url": url, **content}


def updated_at(moment: str) -> Tree:
    """What a header says of the moment at which the record was updated."""
    return {
        "meta": {"lastUpdated": moment, "profile": [f"{_EVENT}/StructureDefinition/Event-MessageHeader-1"]}
    }


def _header(event: str, number: str) -> Tree:
    return {
        "resourceType": "MessageHeader",
        **updated_at("2026-11-01T10:00:00.250+00:00"),
        "extension": [
            extension(f"{_EVENT}/StructureDefinition/Extension-RoutingDemographics-1", extension=[
                extension("nhsNumber", valueIdentifier={"system": _NHS_NUMBER, "value": number}),
                extension("name", valueHumanName={"use": "official", "family": "SAMPLESON"}),
                extension("birthDateTime", valueDateTime="2026-10-02T12:00:00+00:00"),
            ]),
            extension(f"{_EVENT}/StructureDefinition/Extension-MessageEventType-1",
                valueCodeableConcept=concept(f"{_EVENT}/CodeSystem/MessageEventType-1", "new")),
        ],
        "event": {"system": f"{_EVENT}/CodeSystem/EventType-1", "code": event, "display": "Event"},
        "timestamp": "2026-11-01T10:05:00+00:00",
    }  # fmt: skip


def _patient(number: str = NUMBER, **changes: Any) -> Tree:
    verified = extension(f"{_CARE_CONNECT}/Extension-CareConnect-NHSNumberVerificationStatus-1",
        valueCodeableConcept=concept("https://fhir.hl7.org.uk/STU3/verification", "01"))  # fmt: skip
    return {
        "resourceType": "Patient",
        "meta": {"versionId": "1", "profile": [f"{_CARE_CONNECT}/CareConnect-Patient-1"]},
        "identifier": [{"extension": [verified], "system": _NHS_NUMBER, "value": number}],
        "name": [{"use": "official", "family": "SAMPLESON", "given": ["Sam"]}],
        "gender": "male",
        "birthDate": "2026-10-02",
        **changes,
    }


def restricted(code: str) -> Tree:
    """What a patient's meta says of a restriction."""
    return {
        "profile": [f"{_CARE_CONNECT}/CareConnect-Patient-1"],
        "security": [{"system": "http://hl7.org/fhir/v3/Confidentiality", "code": code}],
    }


def as_json(*messages: Tree) -> bytes:
    """One message a line."""
    return b"\n".join(json.dumps(one).encode() for one in messages)


def as_xml(resource: Tree) -> bytes:
    """The same resource in FHIR's XML."""
    return (
        '<?xml version="1.0" encoding="UTF-8"?>' + _resource(resource, ' xmlns="http://hl7.org/fhir"')
    ).encode()


def _resource(resource: Tree, attributes: str = "") -> str:
    kind = resource["resourceType"]
    inside = "".join(_element(name, one) for name, one in resource.items() if name != "resourceType")
    return f"<{kind}{attributes}>{inside}</{kind}>"


def _element(name: str, content: Any) -> str:
    if isinstance(content, list):
        return "".join(_element(name, one) for one in content)
    if isinstance(content, dict) and "resourceType" in content:
        return f"<{name}>{_resource(content)}</{name}>"
    if isinstance(content, dict):
        url = f" url={quoteattr(content['url'])}" if name == "extension" else ""
        inside = "".join(_element(part, one) for part, one in content.items() if part != "url")
        return f"<{name}{url}>{inside}</{name}>"
    return f"<{name} value={quoteattr(str(content).lower() if isinstance(content, bool) else content)}/>"


def collection(*messages: Tree) -> Tree:
    """A bundle of messages."""
    return {"resourceType": "Bundle", "type": "collection", "entry": [{"resource": one} for one in messages]}
