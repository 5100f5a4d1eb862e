/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The keys of weir top; see top_keys.h. A key that iftop or htop has does here what it does
 * there, as far as there is anything like it here.
 */
#include <curses.h>
#include <stdio.h>
#include <string.h>

#include "top/top_keys.h"
#include "top/top_screen.h"

#define KEY_CTRL(c) ((c)&31)
#define KEY_ESC 27

const char *const function_labels[10] = { "Help",   "View",  "Search", "Match", "Unit",
					  "SortBy", "Names", "Sides",  "Pause", "Quit" };

const struct key_help key_help[] = {
	{ "weir top: who is talking, counted in the driver", NULL },
	{ "Tab F2, C H O Y Z", "the next view; conversations, hosts, ports, SYN, sizes" },
	{ "", "(Y again: SYN by target)" },
	{ "1 2 3", "sort by the rate over the last 2, 10, 40 seconds" },
	{ "M", "sort by the total" },
	{ "< >  F6", "sort by the column to the left, right; by one from a list" },
	{ "r I", "the other way round" },
	{ "o", "hold the order as it is" },
	{ "P Space F9", "pause: the screen stands still, counting goes on" },
	{ "Up Down j k", "the cursor; PgUp, PgDn, Home, End; Esc takes it off" },
	{ "F", "the cursor follows its row" },
	{ "/ F3  n N", "search; next, previous, until Esc" },
	{ "\\ l F4", "show only rows with some text in them" },
	{ "f", "the filter in the kernel: edit it, Enter puts it in force" },
	{ "i", "one interface after the other, then all" },
	{ "n F7", "names of hosts, asked of DNS in the background" },
	{ "N", "names of services instead of port numbers" },
	{ "p S D", "hide ports: all, the host's, the peer's; rows become one" },
	{ "s d", "hide the host, the peer" },
	{ "t F8", "sent and received: beside, in two lines, one of them, the sum" },
	{ "u F5", "bit/s, byte/s, packet/s" },
	{ "b B L", "bars; of 2, 10 or 40 seconds; logarithmic, the graph too" },
	{ "T g", "totals; graph" },
	{ "+ -", "look less often, more often" },
	{ "Ctrl-L q F10", "draw anew; quit" },
	{ 0 },
};

static void start_prompt(struct top *t, enum prompt prompt)
{
	t->prompt = prompt;
	snprintf(t->typed, sizeof(t->typed), "%s",
		 prompt == PROMPT_MATCH			    ? t->match
		 : prompt == PROMPT_FILTER && top_filter(t) ? top_filter(t)
							    : "");
}

static void find(struct top *t, int step)
{
	if (!top_find(t, step))
		snprintf(t->message, sizeof(t->message), "no row has %s", t->search);
	else
		snprintf(t->message, sizeof(t->message), "%s", "");
}

/* As one types: the search begins anew from the top. */
static void typed(struct top *t)
{
	if (t->prompt == PROMPT_FILTER)
		return;
	if (t->prompt == PROMPT_MATCH) {
		top_set_match(t, t->typed);
		return;
	}
	snprintf(t->search, sizeof(t->search), "%.63s", t->typed);
	t->cursor = -1;
	t->follow = false;
	if (t->search[0])
		find(t, 1);
}

/* Programs are loaded: it may take a second, and the user should know of what. */
static void put_filter(struct top *t)
{
	t->prompt = PROMPT_NONE;
	snprintf(t->message, sizeof(t->message), "putting the filter in its place...");
	screen_draw(t);
	top_set_filter(t, t->typed);
}

static void press_in_prompt(struct top *t, int key)
{
	size_t n = strlen(t->typed);

	switch (key) {
	case '\r':
	case '\n':
	case KEY_ENTER:
		if (t->prompt == PROMPT_FILTER)
			put_filter(t);
		t->prompt = PROMPT_NONE;
		return;
	case KEY_ESC:
		t->typed[0] = 0;
		typed(t);
		t->prompt = PROMPT_NONE;
		return;
	case KEY_F(3):
		if (t->prompt == PROMPT_SEARCH)
			find(t, 1);
		return;
	case KEY_BACKSPACE:
	case 127:
	case KEY_CTRL('h'):
		if (n)
			t->typed[n - 1] = 0;
		break;
	case KEY_CTRL('u'):
		t->typed[0] = 0;
		break;
	default:
		if (key < ' ' || key > '~' ||
		    n + 1 >= (t->prompt == PROMPT_FILTER ? sizeof(t->typed) : PROMPT_SIZE))
			return;
		t->typed[n] = (char)key;
		t->typed[n + 1] = 0;
	}
	typed(t);
}

static void press_in_menu(struct top *t, int key)
{
	const struct field *fields[COLUMNS_MAX * 2];
	int n = top_sort_fields(t, fields);

	if (key == KEY_UP || key == 'k')
		t->menu = (t->menu + n - 1) % n;
	else if (key == KEY_DOWN || key == 'j')
		t->menu = (t->menu + 1) % n;
	else if (key == KEY_HOME || key == KEY_END)
		t->menu = key == KEY_HOME ? 0 : n - 1;
	else if (key == '\r' || key == '\n' || key == KEY_ENTER) {
		top_sort(t, fields[t->menu]->key);
		t->menu = -1;
	} else {
		t->menu = -1;
	}
}

/* On what is sorted by now. */
static void open_menu(struct top *t)
{
	const struct field *fields[COLUMNS_MAX * 2];
	int n = top_sort_fields(t, fields);

	for (t->menu = n - 1; t->menu > 0; t->menu--)
		if (!strcmp(fields[t->menu]->key, top_sorting(t)->key))
			break;
}

static void sort_by_window(struct top *t, int window)
{
	static const char *const keys[3][WINDOWS] = {
		{ "rate_2s", "rate_10s", "rate_40s" },
		{ "sent.rate_2s", "sent.rate_10s", "sent.rate_40s" },
		{ "received.rate_2s", "received.rate_10s", "received.rate_40s" },
	};
	static const char *const port_keys[2][WINDOWS] = {
		{ "src.rate_2s", "src.rate_10s", "src.rate_40s" },
		{ "dst.rate_2s", "dst.rate_10s", "dst.rate_40s" },
	};
	enum sides sides = look_sides(&t->look, top_view(t));
	int one = sides == SIDES_OUT ? 1 : sides == SIDES_IN ? 2 : 0;

	top_sort(t, one && t->tab == TAB_PORTS ? port_keys[one - 1][window] : keys[one][window]);
}

static void hide(struct top *t, uint8_t parts)
{
	if ((t->look.hidden & parts) == parts)
		t->look.hidden &= (uint8_t)~parts;
	else
		t->look.hidden |= parts;
	if (t->tab != TAB_CONVERSATIONS)
		top_show_tab(t, TAB_CONVERSATIONS);
	t->cursor = -1;
	t->follow = false;
	t->order_held = false;
}

static void toggle_follow(struct top *t)
{
	t->follow = !t->follow && t->cursor >= 0 && t->cursor < (int)t->order.count;
	if (t->follow)
		t->followed = t->order.rows[t->cursor];
}

static void escape(struct top *t)
{
	t->cursor = -1;
	t->follow = false;
	t->search[0] = 0;
}

static void set_interval(struct top *t, double interval)
{
	if (interval >= 0.25 && interval <= 64)
		t->interval = interval;
}

/* Each of these: whether the key was one of its own. */
static bool press_view(struct top *t, int key)
{
	int i;

	for (i = 0; i < TAB_COUNT; i++)
		if (key == tabs[i].key ||
		    (tabs[i].key != 'H' && tabs[i].key != 'O' && key == (tabs[i].key | 32))) {
			top_show_tab(t, (enum tab)i);
			return true;
		}
	switch (key) {
	case '\t':
	case KEY_F(2):
		top_show_tab(t, (t->tab + 1) % TAB_COUNT);
		return true;
	case KEY_BTAB:
		top_show_tab(t, (t->tab + TAB_COUNT - 1) % TAB_COUNT);
		return true;
	case 'i':
		top_next_interface(t);
		return true;
	default:
		return false;
	}
}

static bool press_order(struct top *t, int key)
{
	switch (key) {
	case '1':
	case '2':
	case '3':
		sort_by_window(t, key - '1');
		return true;
	case 'M':
		top_sort(t, top_view(t)->in ? "bytes" : top_view(t)->sort);
		return true;
	case '<':
	case '>':
		top_sort(t, screen_column_beside(t, key == '<' ? -1 : 1));
		return true;
	case KEY_F(6):
		open_menu(t);
		return true;
	case 'r':
	case 'I':
		top_sorting(t)->reverse = !top_sorting(t)->reverse;
		return true;
	case 'o':
		t->order_held = !t->order_held;
		return true;
	default:
		return false;
	}
}

static bool press_cursor(struct top *t, int key)
{
	switch (key) {
	case KEY_UP:
	case 'k':
		top_move(t, -1);
		return true;
	case KEY_DOWN:
	case 'j':
		top_move(t, 1);
		return true;
	case KEY_PPAGE:
		top_move(t, -t->page);
		return true;
	case KEY_NPAGE:
		top_move(t, t->page);
		return true;
	case KEY_HOME:
		top_move(t, -(int)t->order.matched);
		return true;
	case KEY_END:
		top_move(t, (int)t->order.matched);
		return true;
	case 'F':
		toggle_follow(t);
		return true;
	case KEY_ESC:
		escape(t);
		return true;
	default:
		return false;
	}
}

static bool press_hide(struct top *t, int key)
{
	switch (key) {
	case 'p':
		hide(t, HIDE_HOST_PORT | HIDE_PEER_PORT);
		return true;
	case 'S':
		hide(t, HIDE_HOST_PORT);
		return true;
	case 'D':
		hide(t, HIDE_PEER_PORT);
		return true;
	case 's':
		hide(t, HIDE_HOST);
		return true;
	case 'd':
		hide(t, HIDE_PEER);
		return true;
	default:
		return false;
	}
}

/* How it looks. */
static bool press_look(struct top *t, int key)
{
	struct look *l = &t->look;

	switch (key) {
	case KEY_F(7):
		top_toggle_names(t);
		return true;
	case 'N':
		l->services = !l->services;
		return true;
	case 't':
	case KEY_F(8):
		l->sides = (l->sides + 1) % SIDES_COUNT;
		return true;
	case 'u':
	case KEY_F(5):
		l->unit = (l->unit + 1) % RATE_UNITS;
		return true;
	case 'b':
		l->bars = !l->bars;
		return true;
	case 'B':
		l->bar_window = (l->bar_window + 1) % WINDOWS;
		snprintf(t->message, sizeof(t->message), "bars are of the last %d s",
			 (int)(window_ns[l->bar_window] / 1000000000));
		return true;
	case 'L':
		l->log = !l->log;
		return true;
	case 'T':
		l->totals = !l->totals;
		return true;
	case 'g':
		t->graph_shown = !t->graph_shown;
		return true;
	default:
		return false;
	}
}

/* What asks for words. */
static bool press_words(struct top *t, int key)
{
	switch (key) {
	case '/':
	case KEY_F(3):
		start_prompt(t, PROMPT_SEARCH);
		return true;
	case KEY_F(15):
		find(t, -1);
		return true;
	case '\\':
	case 'l':
	case KEY_F(4):
		start_prompt(t, PROMPT_MATCH);
		return true;
	case 'f':
		start_prompt(t, PROMPT_FILTER);
		return true;
	default:
		return false;
	}
}

/* The frames themselves. */
static bool press_pace(struct top *t, int key)
{
	switch (key) {
	case 'P':
	case ' ':
	case KEY_F(9):
		t->paused = !t->paused;
		return true;
	case '+':
		set_interval(t, t->interval * 2);
		return true;
	case '-':
		set_interval(t, t->interval / 2);
		return true;
	case KEY_CTRL('l'):
		clearok(stdscr, TRUE);
		return true;
	case 'h':
	case '?':
	case KEY_F(1):
		t->help = 1;
		return true;
	case 'q':
	case KEY_F(10):
	case KEY_CTRL('c'):
		t->quit = true;
		return true;
	default:
		return false;
	}
}

/* On a screen that nothing covers. */
static void press(struct top *t, int key)
{
	static bool (*const presses[])(struct top *, int) = {
		press_view, press_order, press_cursor, press_hide,
		press_look, press_words, press_pace,
	};
	size_t i;

	for (i = 0; i < sizeof(presses) / sizeof(presses[0]); i++)
		if (presses[i](t, key))
			return;
}

void keys_press(struct top *t, int key)
{
	t->message[0] = 0;
	if (t->help) {
		t->help = key == KEY_ESC || key == 'q' || t->help >= screen_help_pages()
				  ? 0
				  : t->help + 1;
		return;
	}
	if (t->prompt) {
		press_in_prompt(t, key);
	} else if (t->menu >= 0) {
		press_in_menu(t, key);
	} else if (key == 'n' || key == 'N') {
		/* While something is searched for, as in less; else as in iftop. */
		if (t->search[0])
			find(t, key == 'n' ? 1 : -1);
		else if (key == 'n')
			top_toggle_names(t);
		else
			press_look(t, key);
	} else {
		press(t, key);
	}
}
