/* SPDX-License-Identifier: GPL-2.0 */
/* The terminal, by ncurses; see terminal.h. */
#include <curses.h>
#include <errno.h>
#include <fcntl.h>
#include <langinfo.h>
#include <locale.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/signalfd.h>
#include <term.h>
#include <termios.h>
#include <unistd.h>

#include "top/terminal.h"

#define ESCAPE_MS 50 /* how long a lone Esc may be the beginning of a key */

static struct {
	SCREEN *screen;
	FILE *keys;
	int key_fd, signal_fd;
	bool taken, colour;
	struct termios saved;
	char restore[256]; /* what a crash sends */
	size_t restore_size;
	int attribute[STYLE_COUNT];
} term = { .key_fd = -1, .signal_fd = -1 };

static const int crashes[] = { SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGABRT };

bool term_usable(void)
{
	const char *name = getenv("TERM");
	int err;

	if (!isatty(STDOUT_FILENO) || !name || !*name || !strcmp(name, "dumb"))
		return false;
	if (!isatty(STDIN_FILENO) && access("/dev/tty", R_OK))
		return false;
	if (setupterm(NULL, STDOUT_FILENO, &err) == ERR)
		return false;
	err = tigetstr("cup") == NULL || tigetstr("cup") == (char *)-1;
	del_curterm(cur_term);
	return !err;
}

bool term_is_utf8(void)
{
	return !strcmp(nl_langinfo(CODESET), "UTF-8");
}

bool term_is_console(void)
{
	const char *name = getenv("TERM");

	return name && !strncmp(name, "linux", 5);
}

/* With what async-signal-safe functions there are: a crash has curses in any state. */
static void on_crash(int sig)
{
	ssize_t n = write(STDOUT_FILENO, term.restore, term.restore_size);

	(void)n;
	tcsetattr(term.key_fd, TCSANOW, &term.saved);
	raise(sig);
}

static void note_restore(const char *capability)
{
	const char *s = tigetstr(capability);
	size_t n;

	if (!s || s == (const char *)-1)
		return;
	n = strlen(s);
	if (term.restore_size + n > sizeof(term.restore))
		return;
	memcpy(term.restore + term.restore_size, s, n);
	term.restore_size += n;
}

static void catch_crashes(void)
{
	struct sigaction on = { .sa_handler = on_crash,
				.sa_flags = (int)(SA_RESETHAND | SA_NODEFER) };
	size_t i;

	term.restore_size = 0;
	note_restore("sgr0");
	note_restore("rmkx");
	note_restore("cnorm");
	note_restore("rmcup");
	for (i = 0; i < sizeof(crashes) / sizeof(crashes[0]); i++)
		sigaction(crashes[i], &on, NULL);
}

static int catch_signals(void)
{
	static const int caught[] = { SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGTSTP, SIGWINCH };
	sigset_t set;
	size_t i;

	sigemptyset(&set);
	for (i = 0; i < sizeof(caught) / sizeof(caught[0]); i++)
		sigaddset(&set, caught[i]);
	sigprocmask(SIG_BLOCK, &set, NULL);
	term.signal_fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
	return term.signal_fd < 0 ? -errno : 0;
}

/* Colours that can be read on black and on white. */
static void choose_colours(void)
{
	bool many = COLORS >= 256;

	init_pair(1, many ? 35 : COLOR_GREEN, -1);
	init_pair(2, many ? 33 : COLOR_MAGENTA, -1);
	init_pair(3, many ? 160 : COLOR_RED, -1);
	init_pair(4, COLOR_BLACK, COLOR_CYAN);
	init_pair(5, COLOR_BLACK, COLOR_GREEN);
	term.attribute[STYLE_IN] = COLOR_PAIR(1);
	term.attribute[STYLE_OUT] = COLOR_PAIR(2);
	term.attribute[STYLE_WARN] = COLOR_PAIR(3) | A_BOLD;
	term.attribute[STYLE_CURSOR] = COLOR_PAIR(4);
	term.attribute[STYLE_LABEL] = COLOR_PAIR(4);
	term.attribute[STYLE_SORTED] = COLOR_PAIR(4);
	term.attribute[STYLE_HEAD] = COLOR_PAIR(5);
}

static void choose_styles(void)
{
	const char *none = getenv("NO_COLOR");

	term.attribute[STYLE_DIM] = A_DIM;
	term.attribute[STYLE_BOLD] = A_BOLD;
	term.attribute[STYLE_HEAD] = A_REVERSE;
	term.attribute[STYLE_SORTED] = A_REVERSE | A_BOLD | A_UNDERLINE;
	term.attribute[STYLE_WARN] = A_BOLD;
	term.attribute[STYLE_CURSOR] = A_REVERSE;
	term.attribute[STYLE_LABEL] = A_REVERSE;
	/* https://no-color.org: set and not empty. */
	if ((none && *none) || start_color() == ERR || !has_colors())
		return;
	use_default_colors();
	choose_colours();
}

static int take(void)
{
	term.key_fd =
		isatty(STDIN_FILENO) ? dup(STDIN_FILENO) : open("/dev/tty", O_RDWR | O_CLOEXEC);
	if (term.key_fd < 0 || tcgetattr(term.key_fd, &term.saved))
		return -errno;
	term.keys = fdopen(term.key_fd, "r");
	if (!term.keys)
		return -errno;
	fflush(stdout);
	term.screen = newterm(NULL, stdout, term.keys);
	return term.screen ? 0 : -ENOTTY;
}

int term_open(void)
{
	int err = catch_signals();

	if (!err)
		err = take();
	if (err) {
		term_close();
		return err;
	}
	term.taken = true;
	catch_crashes();
	atexit(term_close);
	set_escdelay(ESCAPE_MS);
	cbreak();
	noecho();
	nonl();
	keypad(stdscr, TRUE);
	nodelay(stdscr, TRUE);
	curs_set(0);
	choose_styles();
	return 0;
}

void term_close(void)
{
	if (term.taken) {
		term.taken = false;
		endwin();
		tcsetattr(term.key_fd, TCSADRAIN, &term.saved);
	}
	if (term.signal_fd >= 0) {
		close(term.signal_fd);
		term.signal_fd = -1;
	}
}

/* Stops as if nobody had caught it, and comes back with a screen to draw. */
static void stop(void)
{
	endwin();
	tcsetattr(term.key_fd, TCSADRAIN, &term.saved);
	raise(SIGSTOP);
	clearok(stdscr, TRUE);
	refresh();
}

static void resize(void)
{
	struct winsize size;

	if (!ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) && size.ws_row && size.ws_col)
		resizeterm(size.ws_row, size.ws_col);
	clearok(stdscr, TRUE);
}

static int take_signal(void)
{
	struct signalfd_siginfo info;

	if (read(term.signal_fd, &info, sizeof(info)) != sizeof(info))
		return TERM_TIMEOUT;
	switch (info.ssi_signo) {
	case SIGTSTP:
		stop();
		resize();
		return TERM_RESIZE;
	case SIGWINCH:
		resize();
		return TERM_RESIZE;
	default:
		return TERM_END;
	}
}

int term_wait(double seconds)
{
	struct pollfd fds[2] = { { .fd = term.key_fd, .events = POLLIN },
				 { .fd = term.signal_fd, .events = POLLIN } };
	struct timespec ts = { (time_t)seconds, (long)((seconds - (double)(time_t)seconds) * 1e9) };
	int key = getch();

	/* Curses may have read more than it gave. */
	if (key != ERR && key != KEY_RESIZE)
		return key;
	if (ppoll(fds, 2, &ts, NULL) <= 0)
		return TERM_TIMEOUT;
	if (fds[1].revents)
		return take_signal();
	if (fds[0].revents & (POLLHUP | POLLERR | POLLNVAL) && !(fds[0].revents & POLLIN))
		return TERM_END;
	key = getch();
	return key == ERR || key == KEY_RESIZE ? TERM_TIMEOUT : key;
}

int term_columns(const char *text)
{
	int n = 0;

	for (; *text; text++)
		n += (*text & 0xc0) != 0x80;
	return n;
}

void term_put(int y, int x, int width, enum style style, const char *text)
{
	const char *end = text;
	int n = 0;

	if (y < 0 || y >= LINES || x < 0 || x >= COLS)
		return;
	if (width > COLS - x)
		width = COLS - x;
	for (; *end && (n < width || (*end & 0xc0) == 0x80); end++)
		n += (*end & 0xc0) != 0x80;
	attrset(term.attribute[style]);
	mvaddnstr(y, x, text, (int)(end - text));
	for (; n < width; n++)
		addch(' ');
	attrset(0);
}
