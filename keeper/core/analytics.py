"""What a swap really cost: slippage against its quote and against the oracle, and the price it was executed at."""

from decimal import Decimal
from fractions import Fraction

from keeper.core.units import BaseUnits, UsdE18, in_bps

PRICE_DIGITS = 18


def slippage_bps(quoted: BaseUnits, actual: BaseUnits) -> Decimal:
    """How much less than quoted came out; negative when more did. Raises ValueError when nothing was quoted."""
    if quoted <= 0:
        raise ValueError(f"a quote of {quoted} cannot be fallen short of")
    return in_bps(Fraction(quoted - actual, quoted))


def value_slippage_bps(value_in: UsdE18, value_out: UsdE18) -> Decimal:
    """What fee, impact and market took, both sides at the treasury's prices; negative for a gain, 0 for nothing."""
    return in_bps(Fraction(value_in - value_out, value_in)) if value_in else Decimal(0)


def executed_price(amount_in: BaseUnits, decimals_in: int, amount_out: BaseUnits, decimals_out: int) -> Decimal | None:
    """Whole tokens out per whole token in, to 18 significant digits, half-even; None when nothing went in."""
    if amount_in == 0:
        return None
    return significant(Fraction(amount_out * 10**decimals_in, amount_in * 10**decimals_out))


def significant(number: Fraction, digits: int = PRICE_DIGITS) -> Decimal:
    """A fraction as Decimal with `digits` significant digits, whatever the ambient decimal context."""
    if number == 0:
        return Decimal(0)
    shift = digits - (len(str(abs(number.numerator))) - len(str(number.denominator)))
    scaled = round(number * Fraction(10) ** shift)
    # the estimate of the magnitude may be one too small, which leaves one digit too many
    if len(str(abs(scaled))) > digits:
        shift -= 1
        scaled = round(number * Fraction(10) ** shift)
    return Decimal((int(scaled < 0), tuple(int(digit) for digit in str(abs(scaled))), -shift))
