"""What all tables share: the metadata and the kinds of columns."""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    Column,
    ForeignKey,
    Integer,
    MetaData,
)

metadata = MetaData()

# SQLite numbers rows only in a column of exactly this type.
Row = BigInteger().with_variant(Integer(), "sqlite")


def row_number_column() -> Column[int]:
    return Column("row", Row, primary_key=True, autoincrement=True)


def of_collection() -> Column[int]:
    return Column("collection_row", Row, ForeignKey("collections.row"), nullable=False)
