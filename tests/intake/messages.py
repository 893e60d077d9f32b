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
BIRTH = "pds-birth-notification-1"
MOTHER, BABY = "urn:uuid:the-mother", "urn:uuid:the-baby"
STILLBIRTH, NUMBER_OF_BIRTHS = "237364002", "382341000000101"
_STILLBORN = f"{_EVENT}/CodeSystem/EMS-PDS-StillBornIndicator-1"

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


def birth(
    number: str = NUMBER,
    *,
    mother: Tree | None = None,
    mothers_number: str | None = OTHER_NUMBER,
    stillborn: str | None = "1",
    births: Any = 1,
    updated: str = "2026-10-03T10:00:00+01:00",
    message_id: str = "7165ecd5-4abb-4dbe-922b-7c7db71accd4",
    **baby: Any,
) -> Tree:
    """A birth notification: mother and baby, who is hers, and what was observed of both."""
    header = _header(BIRTH, mothers_number or "") | updated_at(updated) | {"id": message_id}
    if mothers_number is None:
        header["extension"] = header["extension"][1:]
    about = {"resourceType": "Communication", "meta": followed("Communication"), "status": "completed",
             "subject": {"reference": MOTHER}}  # fmt: skip
    related = {"resourceType": "RelatedPerson", "meta": followed("RelatedPerson"),
               "patient": {"reference": BABY},
               "relationship": concept("http://hl7.org/fhir/v3/RoleCode", "NMTH")}  # fmt: skip
    parent = _patient(mothers_number or "", name=_name("Parent"), birthDate="1996-05-04")
    if mothers_number is None:
        del parent["identifier"]
    entries = [header, about, parent | (mother or {}), related, a_baby(number) | baby]
    entries.append(observed(NUMBER_OF_BIRTHS, MOTHER, valueQuantity={"value": births}))
    entries.append(observed("412726003", BABY, valueQuantity={"value": 39.5, "unit": "week"}))
    if stillborn is not None:
        entries.append(observed(STILLBIRTH, BABY, valueCodeableConcept=concept(_STILLBORN, stillborn)))
    named = {2: MOTHER, 4: BABY}
    return {
        "resourceType": "Bundle",
        "meta": {"profile": ["http://hl7.org/fhir/STU3/StructureDefinition/Bundle"]},
        "type": "message",
        "entry": [
            {"fullUrl": named.get(at, f"urn:uuid:{at}"), "resource": one} for at, one in enumerate(entries)
        ],
    }


def a_baby(number: str = NUMBER) -> Tree:
    """A baby as a birth notification has it; what is None is left out."""
    at = extension("http://hl7.org/fhir/StructureDefinition/patient-birthTime",
        valueDateTime="2026-10-02T20:12:00+01:00")  # fmt: skip
    home = {"use": "home", "line": ["1 SAMPLE STREET", "TOWN"], "postalCode": "AA1 1AA"}
    return _patient(number, _birthDate={"extension": [at]}, address=[home], multipleBirthInteger=1)


def observed(code: str, of: str, *, status: str = "final", **value: Any) -> Tree:
    """An observation of one of the two."""
    return {
        "resourceType": "Observation",
        "meta": followed("Observation"),
        "status": status,
        "code": concept("http://snomed.info/sct", code),
        "subject": {"reference": of},
        **value,
    }


def followed(kind: str) -> Tree:
    """The profile that a resource of that kind follows."""
    return {"profile": [f"{_CARE_CONNECT}/CareConnect-{kind}-1"]}


def _name(given: str) -> list[Tree]:
    return [{"use": "official", "family": "SAMPLESON", "given": [given]}]


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
    inside = _elements({name: one for name, one in resource.items() if name != "resourceType"})
    return f"<{kind}{attributes}>{inside}</{kind}>"


def _elements(parts: Tree) -> str:
    """The parts in XML, where what JSON writes beside a value as `_name` stands within it."""
    written = {name: _element(name, one) for name, one in parts.items() if not name.startswith("_")}
    for name, beside in parts.items():
        if name.startswith("_"):
            own = name.removeprefix("_")
            value = written.get(own, f"<{own}/>").removesuffix("/>")
            written[own] = f"{value}>{_elements(beside)}</{own}>"
    return "".join(written.values())


def _element(name: str, content: Any) -> str:
    if isinstance(content, list):
        return "".join(_element(name, one) for one in content)
    if isinstance(content, dict) and "resourceType" in content:
        return f"<{name}>{_resource(content)}</{name}>"
    if isinstance(content, dict):
        url = f" url={quoteattr(content['url'])}" if name == "extension" else ""
        inside = _elements({part: one for part, one in content.items() if part != "url"})
        return f"<{name}{url}>{inside}</{name}>"
    text = content if isinstance(content, str) else json.dumps(content)
    return f"<{name} value={quoteattr(text)}/>"


def collection(*messages: Tree) -> Tree:
    """A bundle of messages."""
    return {"resourceType": "Bundle", "type": "collection", "entry": [{"resource": one} for one in messages]}
