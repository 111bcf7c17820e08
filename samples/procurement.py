"""Sample extracts of family procurement: suppliers, two years of spend, declarations, assessments, audits, rates.

External spend of the consolidated group is given in yen by kind of supplier and split until it is invoice lines, so
the year's sums are exact. Lines in another currency are whole hundreds: at a rate with two decimals each of them is a
whole number of yen, and what is left over goes into the supplier's next line in yen.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date, timedelta
from decimal import Decimal
from functools import cache
from random import Random

from pipeline.quarter import FiscalQuarter
from samples.extract import AS_OF, QUARTERS, Extract, columns, day_between, digest, seeded, shares, taken, truth

HOME, ABROAD = "SAMPLE ERP JP", "SAMPLE ERP ABROAD"
BILLION = 1_000_000_000

# Kind of supplier -> suppliers, net spend of FY2022 and FY2023 in yen (kind NONE before its credits).
KINDS = {
    "OWN": (280, (700 * BILLION, 790 * BILLION)),  # a declaration of its own that is valid
    "INHERITED": (30, (50 * BILLION, 60 * BILLION)),  # covered by its parent's declaration for the whole group
    "LAPSED": (50, (45 * BILLION, 40 * BILLION)),  # a declaration that lapsed in FY2023
    "NONE": (1_640, (190 * BILLION, 150 * BILLION)),
}
CREDITS = (35 * BILLION, 40 * BILLION)  # all from suppliers of kind NONE
INTRAGROUP = (8, (170 * BILLION, 180 * BILLION))
NOT_CONSOLIDATED = (25, (4 * BILLION, 5 * BILLION))  # bought by an entity outside the consolidated group

SIGNED_IN_THE_YEAR = 40  # of kind OWN, suppliers that first declared in FY2023
CHILDREN_OF_A_PARENT = 3
NEW_SUPPLIERS = range(6_001, 6_025)  # registered in FY2023, nothing ordered yet
NEW_FROM = ("JP", "JP", "TH", "US", "DE", "QZ")  # the last is a code of nobody: its region is not known
NOT_SCREENED, SCREENED_IN_APRIL = 2, 1
# Segments of the classification; where a line has none, nobody knows what was bought.
SEGMENTS = ("43", "32", "26", "72", "81", "80", "31", "24", "78")
WITHOUT_SEGMENT = 97
UNDER_CONTRACT = 3  # every third supplier has one
CHILDREN_WITHOUT_COVER = 20  # their parent declared for itself alone

SAQ_HIGH = {2022: 36, 2023: 28}
SAQ_ALL = {2022: 640, 2023: 760}
THIRD_PARTY_AUDITS = (
    date(2021, 7, 14), date(2021, 9, 8), date(2021, 11, 17), date(2022, 1, 26), date(2022, 3, 9),
    date(2022, 5, 18), date(2022, 7, 6), date(2022, 8, 24), date(2022, 10, 12), date(2022, 11, 30),
    date(2023, 1, 18), date(2023, 2, 15), date(2023, 3, 31),
)  # fmt: skip

RATES = {"USD": (109.05, 1.17), "EUR": (130.25, 0.55), "AUD": (83.15, 0.38), "CNY": (16.75, 0.12)}
BUYERS_ABROAD = (("E010", "EUR"), ("E010", "EUR"), ("E030", "USD"), ("E030", "USD"), ("E020", "AUD"), ("E040", "CNY"))
BUYERS_HOME = ("E001",) * 8 + ("E002", "E003", "E003", "E004")

SUPPLIER = columns(
    "source_system supplier_id canonical_supplier_id duplicate_of parent_supplier_id parent_name_raw name duns lei "
    "country_iso2 status supplier_type size_band created_on tier"
)
SPEND = columns(
    "source_system invoice_id line posting_date supplier_id buying_entity amount currency category_unspsc "
    "document_type po_number contract_id ship_from_country"
)
DECLARATION = columns(
    "declaration_id source_system supplier_id scope guideline_version signed_on valid_from valid_to status "
    "signatory_role document_sha256 equivalent_commitment"
)
ASSESSMENT = columns(
    "assessment_id source_system supplier_id tier kind questionnaire_version sent_on due_on submitted_on score result "
    "topic_flags valid_to nonresponse_reason"
)
AUDIT = columns("audit_id source_system supplier_id country_iso2 auditor_kind kind scheme planned_on completed_on")
FX_RATE = columns("month currency avg_rate source table_version")


@dataclass(slots=True)
class Supplier:
    """One supplier. ``yearly`` is its spend in FY2022 and FY2023 (yen, before credits)."""

    number: int
    kind: str
    yearly: tuple[int, int]
    credits: tuple[int, int] = (0, 0)
    parent: int = 0
    abroad: bool = False
    months: list[date] = field(default_factory=list)

    @property
    def supplier_id(self) -> str:
        """Its number in the system at home, with leading zeros."""
        return f"{self.number:08d}"

    @property
    def id_abroad(self) -> str:
        """Its number in the system abroad."""
        return f"A{self.number + 4_000:06d}"


def extracts() -> list[Extract]:
    """The six extracts of family procurement."""
    everyone = list(suppliers())
    spend = _spend(everyone)
    return [
        Extract("procurement", "supplier", "SAMPLE supplier master", taken(7), SUPPLIER, _suppliers(everyone)),
        Extract("procurement", "spend", "SAMPLE invoice ledger", taken(7, 2), SPEND, spend, totals=("amount",)),
        Extract("procurement", "declaration", "SAMPLE declarations", taken(7, 3), DECLARATION, _declarations(everyone)),
        Extract("procurement", "assessment", "SAMPLE assessments", taken(7, 4), ASSESSMENT, list(assessments())),
        Extract("procurement", "audit", "SAMPLE audits", taken(7, 5), AUDIT, list(audits())),
        Extract("procurement", "fx_rate", "SAMPLE treasury", taken(4, 2), FX_RATE, _rates()),
    ]


def rate(month: date, currency: str) -> Decimal:
    """Yen for one unit, monthly average, made up; always two decimals."""
    start, step = RATES[currency]
    months = (month.year - 2021) * 12 + month.month - 4
    wave = (0, 3, -2, 4, 1, -3)[months % 6]
    return round(Decimal(str(start)) + Decimal(str(step)) * months + Decimal(wave) / 4, 2)


@cache
def suppliers() -> tuple[Supplier, ...]:
    """Every supplier with spend, by number."""
    random = seeded("suppliers")
    made: list[Supplier] = []
    for kind, (number, totals) in (*KINDS.items(), ("INTRAGROUP", INTRAGROUP)):
        years = [shares(total, [random.uniform(0.4, 1.6) for _ in range(number)]) for total in totals]
        made += [Supplier(len(made) + index + 1, kind, pair) for index, pair in enumerate(zip(*years, strict=True))]
    own = [supplier for supplier in made if supplier.kind == "OWN"]
    none = [supplier for supplier in made if supplier.kind == "NONE"]
    for index, supplier in enumerate(s for s in made if s.kind == "INHERITED"):
        supplier.parent = own[index // CHILDREN_OF_A_PARENT].number
    for index, supplier in enumerate(none[:CHILDREN_WITHOUT_COVER]):
        supplier.parent = own[100 + index].number
    # Every second of them gives a part of the year's spend back; what is left stays positive.
    giving = none[1::2]
    years = [shares(total, [s.yearly[year] for s in giving]) for year, total in enumerate(CREDITS)]
    for supplier, pair in zip(giving, zip(*years, strict=True), strict=True):
        supplier.credits = pair
    for supplier in made:
        supplier.abroad = supplier.kind in ("OWN", "LAPSED", "NONE") and supplier.number % 5 == 0
    return tuple(made)


def _suppliers(suppliers: list[Supplier]) -> list[tuple[object, ...]]:
    random = seeded("supplier master")
    rows: list[tuple[object, ...]] = []
    for supplier in suppliers:
        group = supplier.kind == "INTRAGROUP"
        kind = "INTRAGROUP" if group else random.choice(("MANUFACTURER", "MANUFACTURER", "SERVICE", "TRADER"))
        name = f"SAMPLE {'Group Company' if group else 'Supplier'} {supplier.number:04d}"
        country = "JP" if group or not supplier.abroad else random.choice(("US", "DE", "AU", "CN"))
        if supplier.number % 50 == 0 and supplier.abroad:
            country = ("XA", "XB", "XD")[supplier.number // 50 % 3]  # on the list of high-risk countries
        band = random.choice(("LE_1000", "LE_1000", "GT_1000", "UNKNOWN"))
        created = day_between(random, date(2005, 4, 1), date(2021, 3, 31))
        canonical = f"CS{supplier.number:06d}"
        parent = f"{supplier.parent:08d}" if supplier.parent else None
        parent_name = f"SAMPLE Supplier {supplier.parent:04d}" if supplier.parent else None
        tail = (name, None, None, country, "ACTIVE", kind, band, created, 1)
        rows.append((HOME, supplier.supplier_id, canonical, None, parent, parent_name, *tail))
        if supplier.abroad:
            rows.append((ABROAD, supplier.id_abroad, canonical, None, None, None, *tail))
    for supplier in suppliers[400:410]:
        again = (f"SAMPLE Supplier {supplier.number:04d}", None, None, "JP", "INACTIVE", "SERVICE", "UNKNOWN")
        canonical = f"CS{supplier.number:06d}"
        repeat = f"{supplier.number + 5_000:08d}"
        rows.append((HOME, repeat, canonical, supplier.supplier_id, None, None, *again, date(2012, 4, 2), 1))
    for number in range(3_001, 3_061):
        beyond = (f"SAMPLE Supplier {number:04d}", None, None, "JP", "ACTIVE", "MANUFACTURER", "LE_1000")
        rows.append((HOME, f"{number:08d}", f"CS{number:06d}", None, None, None, *beyond, date(2021, 10, 1), 2))
    for index, number in enumerate(NEW_SUPPLIERS):
        began = (f"SAMPLE Supplier {number:04d}", None, None, NEW_FROM[index % len(NEW_FROM)], "ACTIVE", "SERVICE")
        canonical = f"CS{number:06d}"
        rows.append((HOME, f"{number:08d}", canonical, None, None, None, *began, "LE_1000", _registered_on(index), 1))
    return rows


def _registered_on(index: int) -> date:
    return date(2022, 4, 1) + timedelta(days=15 * index)


def _spend(suppliers: list[Supplier]) -> list[tuple[object, ...]]:
    random = seeded("spend")
    rows: list[tuple[object, ...]] = []

    def post(
        day: date, supplier: Supplier, buyer: str, amount: int, currency: str = "JPY", document: str = "INVOICE"
    ) -> None:
        abroad = currency != "JPY"
        invoice = f"{'A' if abroad else 'J'}{len(rows) + 1:08d}"
        rows.append(
            (
                ABROAD if abroad else HOME,
                invoice,
                1,
                day,
                supplier.id_abroad if abroad else supplier.supplier_id,
                buyer,
                f"{amount}.00",
                currency,
                _category(supplier),
                document,
                None,
                contract_of(supplier),
                "JP",
            )
        )

    for year in (0, 1):
        quarters = [FiscalQuarter(2022 + year, number) for number in (1, 2, 3, 4)]
        months = [_month(quarter.start, step) for quarter in quarters for step in range(3)]
        for supplier in suppliers:
            often = supplier.kind in ("OWN", "INHERITED", "INTRAGROUP")
            chosen = months if often else [months[3 * step + supplier.number % 3] for step in range(4)]
            parts = shares(supplier.yearly[year], [random.uniform(0.7, 1.3) for _ in chosen])
            left = 0
            for index, (month, part) in enumerate(zip(chosen, parts, strict=True)):
                day = _day_in(random, month)
                part += left
                left = 0
                # The year's last line is in yen, so that nothing is left over.
                if supplier.abroad and index % 3 == 0 and index < len(chosen) - 1:
                    buyer, currency = BUYERS_ABROAD[random.randrange(len(BUYERS_ABROAD))]
                    price = rate(month, currency)
                    hundreds = int(Decimal(part) / price) // 100
                    left = part - int(price * 100 * hundreds)
                    post(day, supplier, buyer, hundreds * 100, currency)
                else:
                    buyer = "E001" if supplier.kind == "INTRAGROUP" else random.choice(BUYERS_HOME)
                    post(day, supplier, buyer, part)
            if supplier.credits[year]:
                document = "VOID" if supplier.number % 20 == 0 else "CREDIT"
                post(_day_in(random, chosen[-1]), supplier, "E001", -supplier.credits[year], document=document)
        number, totals = NOT_CONSOLIDATED
        for supplier, part in zip(suppliers[::80][:number], shares(totals[year], [1.0] * number), strict=True):
            post(_day_in(random, months[supplier.number % 12]), supplier, "E050", part)
    # Posted on the first business day of the next year: none of it belongs to FY2023.
    for supplier in suppliers[:20]:
        post(date(2023, 4, 3), supplier, "E001", 90_000_000)
    return rows


def contract_of(supplier: Supplier) -> str | None:
    """The contract under which a supplier's invoices come, if there is one."""
    return f"K{supplier.number:05d}" if supplier.number % UNDER_CONTRACT == 0 else None


def _category(supplier: Supplier) -> str | None:
    if supplier.number % WITHOUT_SEGMENT == 0:
        return None
    return f"{SEGMENTS[supplier.number % len(SEGMENTS)]}{100 * (supplier.number % 90):06d}"


def _declarations(suppliers: list[Supplier]) -> list[tuple[object, ...]]:
    random = seeded("declarations")
    rows: list[tuple[object, ...]] = []

    def declare(
        supplier: Supplier, status: str, signed: date | None, until: date | None, scope: str = "ENTITY"
    ) -> None:
        version = None if signed is None else ("2020-01" if signed < date(2022, 7, 1) else "2022-07")
        rows.append(
            (
                f"D{len(rows) + 1:06d}",
                HOME,
                supplier.supplier_id,
                scope,
                version or "2022-07",
                signed,
                signed,
                until,
                status,
                "PRESIDENT" if signed else None,
                digest(f"declaration {len(rows) + 1}") if signed else None,
                truth(supplier.number % 23 == 0),
            )
        )

    parents = {supplier.parent for supplier in suppliers if supplier.kind == "INHERITED"}
    own = [supplier for supplier in suppliers if supplier.kind == "OWN"]
    for index, supplier in enumerate(own):
        late = index >= len(own) - SIGNED_IN_THE_YEAR
        quarter = QUARTERS[1 + index % 4]
        signed = day_between(random, *((quarter.start, quarter.end) if late else (date(2020, 4, 1), date(2021, 3, 31))))
        until = None if index % 4 == 0 else day_between(random, date(2023, 6, 30), date(2025, 3, 31))
        if index == 1:
            until = AS_OF  # the last day of validity is a valid day
        if index % 9 == 0 and not late:
            declare(supplier, "EXPIRED", date(2018, 4, 2), date(2020, 3, 31))  # the one before, renewed since
        declare(supplier, "SIGNED", signed, until, "GROUP" if supplier.number in parents else "ENTITY")
    lapsed = [supplier for supplier in suppliers if supplier.kind == "LAPSED"]
    for index, supplier in enumerate(lapsed):
        until = AS_OF - timedelta(days=1) if index == 0 else day_between(random, date(2022, 5, 31), date(2023, 2, 28))
        # Nobody has marked them as expired: only the date says so.
        declare(supplier, "SIGNED", date(2020, 4, 1) + timedelta(days=index), until)
    for index, supplier in enumerate(s for s in suppliers if s.kind == "NONE" and s.number % 4 == 0):
        declare(supplier, ("REQUESTED", "REQUESTED", "DECLINED")[index % 3], None, None)
    return rows


@cache
def assessments() -> tuple[tuple[object, ...], ...]:
    """Every questionnaire, rating and screening, in the order of ``ASSESSMENT``."""
    random = seeded("assessments")
    rows: list[tuple[object, ...]] = []
    external = [supplier for supplier in suppliers() if supplier.kind != "INTRAGROUP"]

    def assess(
        number: str, tier: int, kind: str, version: str, sent: date, back: date | None, result: str | None, flags: str
    ) -> None:
        score = None if result is None else {"LOW": 82, "MEDIUM": 61, "HIGH": 34}[result]
        rows.append(
            (
                f"Q{len(rows) + 1:06d}",
                HOME,
                number,
                tier,
                kind,
                version,
                sent,
                sent + timedelta(days=45),
                back,
                score,
                result,
                flags,
                None if back is None else back + timedelta(days=365),
                "NONE" if back else random.choice(("NO_CONTACT", "REFUSED", "REFUSED_CAP")),
            )
        )

    for year, number in SAQ_ALL.items():
        asked = random.sample(external, number)
        high = SAQ_HIGH[year]
        for index, supplier in enumerate(asked):
            sent = FiscalQuarter(year, 1 + index % 4).start + timedelta(days=10 + index % 9)
            back = sent + timedelta(days=14 + index % 40)
            if index < high:
                flags = ("LABOUR", "HUMAN_RIGHTS", "HUMAN_RIGHTS;LABOUR", "LABOUR;HEALTH_SAFETY")[index % 4]
                assess(supplier.supplier_id, 1, "SAQ", f"{year}-1", sent, back, "HIGH", flags)
            elif index < high + 15:
                assess(supplier.supplier_id, 1, "SAQ", f"{year}-1", sent, back, "HIGH", "ENVIRONMENT")
            elif index % 6 == 0:
                assess(supplier.supplier_id, 1, "SAQ", f"{year}-1", sent, None, None, "")
            else:
                result = "MEDIUM" if index % 5 == 0 else "LOW"
                assess(supplier.supplier_id, 1, "SAQ", f"{year}-1", sent, back, result, "")
        # The same supplier answers twice, and a rating agency finds what a questionnaire did not: no supplier more.
        sent = date(year, 1, 16)
        assess(asked[0].supplier_id, 1, "SAQ", f"{year}-2", sent, sent + timedelta(days=20), "HIGH", "LABOUR")
        for supplier in asked[high + 20 : high + 24]:
            assess(supplier.supplier_id, 1, "ECOVADIS", f"{year}", sent, sent + timedelta(days=30), "HIGH", "LABOUR")
    for number in range(3_001, 3_041):
        sent = date(2022, 9, 1)
        assess(f"{number:08d}", 2, "SAQ", "2023-1", sent, sent + timedelta(days=number % 30), "LOW", "")
    for index, number in enumerate(NEW_SUPPLIERS[:-NOT_SCREENED]):
        sent = _registered_on(index) - timedelta(days=20)
        is_last = index >= len(NEW_SUPPLIERS) - NOT_SCREENED - SCREENED_IN_APRIL
        back = date(2023, 4, 3) if is_last else sent + timedelta(days=12)
        assess(f"{number:08d}", 1, "SCREENING", "2022", sent, back, "LOW", "")
    return tuple(rows)


@cache
def audits() -> tuple[tuple[object, ...], ...]:
    """Every audit, in the order of ``AUDIT``."""
    audited = [supplier for supplier in suppliers() if supplier.kind in ("OWN", "NONE")][::37]
    plan: list[tuple[str, str, date, date | None]] = [
        ("THIRD_PARTY", "FIRST", day - timedelta(days=30), day) for day in THIRD_PARTY_AUDITS
    ]
    plan += [("OWN", "FIRST", date(2022, month, 7), date(2022, month, 7)) for month in (2, 5, 8, 10, 12)]
    plan += [
        ("THIRD_PARTY", "FIRST", date(2023, 3, 22), date(2023, 4, 5)),  # completed after the year
        ("THIRD_PARTY", "FIRST", date(2023, 3, 24), None),
        ("THIRD_PARTY", "RE_AUDIT", date(2023, 5, 24), None),
    ]
    return tuple(
        (f"V{index:05d}", HOME, audited[index].supplier_id, ("JP", "CN", "TH")[index % 3], *who, "SAMPLE scheme", *days)
        for index, (*who, planned, completed) in enumerate(plan)
        for days in [(planned, completed)]
    )


def _rates() -> list[tuple[object, ...]]:
    months = [_month(date(2021, 4, 1), step) for step in range(24)]
    return [
        (month, currency, f"{rate(month, currency):.8f}", "SAMPLE rates", "2023-03")
        for month in months
        for currency in sorted(RATES)
    ]


def _month(start: date, step: int) -> date:
    months = start.year * 12 + start.month - 1 + step
    return date(months // 12, months % 12 + 1, 1)


def _day_in(random: Random, month: date) -> date:
    return month + timedelta(days=random.randrange(28))
