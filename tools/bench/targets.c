/* SPDX-License-Identifier: GPL-2.0 */
/* Goals and their scale; see targets.h. */
#include "targets.h"

static const struct {
	double ns, floor, ratio; /* floor 0: not scaled */
} goals[COLUMNS] = {
	{ 30, 0, 1 / 3.0 },   { 30, 0, 1 / 3.0 },  { 55, 101, 1 / 8.0 },
	{ 75, 145, 1 / 8.0 }, { 45, 49, 1 / 3.0 }, { 80, 145, 1 / 8.0 },
};

double target_ns(const struct table *t, int column)
{
	double floor = t->result[XDP][0][SERIAL][column][FLOOR_LOAD].net_min;

	return goals[column].floor > 0 ? goals[column].ns * floor / goals[column].floor
				       : goals[column].ns;
}

double target_ratio(int column)
{
	return goals[column].ratio;
}
