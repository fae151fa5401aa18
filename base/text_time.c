/* Times as text, by our own civil-day arithmetic: no locale, no time zone, years 1970 to 9999. */
#include <assert.h>
#include <string.h>

#include "base/text.h"

#define DAY_SECONDS 86400

struct date {
	int year, month, day;
};

/* Days since 1970-01-01 of a Gregorian date. Inside, years begin in March: leap days come last. */
static int64_t
days_of(struct date date)
{
	const int64_t year = date.month <= 2 ? date.year - 1 : date.year;
	const int64_t era = year / 400;
	const int64_t year_of_era = year - era * 400;
	const int64_t month = date.month > 2 ? date.month - 3 : date.month + 9;
	const int64_t day_of_year = (153 * month + 2) / 5 + date.day - 1;

	return era * 146097 + year_of_era * 365 + year_of_era / 4 - year_of_era / 100 +
	       day_of_year - 719468;
}

static struct date
date_of(int64_t days)
{
	const int64_t shifted = days + 719468;
	const int64_t era = shifted / 146097;
	const int64_t day_of_era = shifted - era * 146097;
	const int64_t year_of_era =
	    (day_of_era - day_of_era / 1460 + day_of_era / 36524 - day_of_era / 146096) / 365;
	const int64_t day_of_year =
	    day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
	const int64_t month = (5 * day_of_year + 2) / 153;
	struct date date;

	date.day = (int)(day_of_year - (153 * month + 2) / 5 + 1);
	date.month = (int)(month < 10 ? month + 3 : month - 9);
	date.year = (int)(year_of_era + era * 400 + (date.month <= 2));
	return date;
}

int64_t
time_day_start(int64_t at_s)
{
	assert(at_s >= 0);
	return at_s - at_s % DAY_SECONDS;
}

/* snprintf() takes ten times as long, and every date that is read is spelled again. */
static void
put_digits(char *at, int value, int count)
{
	for (char *digit = at + count; digit > at; value /= 10)
		*--digit = (char)('0' + value % 10);
}

void
time_encode(char out[static TIME_TEXT_LEN + 1], int64_t at_s)
{
	const struct date date = date_of(at_s / DAY_SECONDS);
	const int second = (int)(at_s % DAY_SECONDS);

	assert(at_s >= 0 && at_s <= TIME_MAX_AT_S);
	memcpy(out, "0000-00-00T00:00:00Z", TIME_TEXT_LEN + 1);
	put_digits(out, date.year, 4);
	put_digits(out + 5, date.month, 2);
	put_digits(out + 8, date.day, 2);
	put_digits(out + 11, second / 3600, 2);
	put_digits(out + 14, second / 60 % 60, 2);
	put_digits(out + 17, second % 60, 2);
}

/* `count` digits at text[at]; -1 when one is none. */
static int
digits(struct bytes text, size_t at, size_t count)
{
	int value = 0;

	for (size_t i = at; i < at + count; i++) {
		if (text.data[i] < '0' || text.data[i] > '9')
			return -1;
		value = value * 10 + (text.data[i] - '0');
	}
	return value;
}

/* What stands between the digits. */
static bool
is_punctuated(struct bytes text)
{
	const uint8_t *at = text.data;

	return at[4] == '-' && at[7] == '-' && at[10] == 'T' && at[13] == ':' && at[16] == ':' &&
	       at[19] == 'Z';
}

static int
days_in_month(struct date date)
{
	static const int DAYS[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
	const bool leap = date.year % 4 == 0 && (date.year % 100 != 0 || date.year % 400 == 0);

	return DAYS[date.month - 1] + (date.month == 2 && leap);
}

bool
time_decode(struct bytes text, int64_t *out_at_s)
{
	int hour, minute, second;
	struct date date;

	if (text.len != TIME_TEXT_LEN || !is_punctuated(text))
		return false;
	date = (struct date){digits(text, 0, 4), digits(text, 5, 2), digits(text, 8, 2)};
	hour = digits(text, 11, 2);
	minute = digits(text, 14, 2);
	second = digits(text, 17, 2);
	if (date.year < 1970 || date.month < 1 || date.month > 12 || date.day < 1 ||
	    date.day > days_in_month(date) || hour < 0 || hour > 23 || minute < 0 || minute > 59 ||
	    second < 0 || second > 59)
		return false;
	*out_at_s = days_of(date) * DAY_SECONDS + hour * 3600 + minute * 60 + second;
	return true;
}

uint16_t
time_month(int64_t at_s)
{
	const struct date date = date_of(at_s / DAY_SECONDS);
	const int month = (date.year - 2020) * 12 + date.month - 1;

	if (month < 0)
		return 0;
	return month > UINT16_MAX ? UINT16_MAX : (uint16_t)month;
}

int64_t
time_month_start(uint16_t month)
{
	return days_of((struct date){2020 + month / 12, month % 12 + 1, 1}) * DAY_SECONDS;
}
