# SPDX-License-Identifier: GPL-2.0
# weir. `sudo make run` and `sudo make test` are all one needs; `make help` lists the rest.

PREFIX ?= /usr/local
B := build
CLANG ?= clang
LLVM_STRIP ?= llvm-strip
BPFTOOL ?= $(or $(shell command -v bpftool),/usr/sbin/bpftool)
PKGS := libbpf libxdp libpcap json-c ncursesw libmnl inih libfixbuf libcurl
Q := $(if $(V),,@)
say = $(if $(V),,@printf '  %-5s %s\n' $(1) $(2))

ARCH := $(shell uname -m | sed 's/x86_64/x86/;s/aarch64/arm64/;s/ppc64le/powerpc/;s/riscv64/riscv/')
MULTIARCH := $(shell $(CC) -print-multiarch 2>/dev/null)
WARN := -Wall -Wextra -Wshadow -Werror
CFLAGS ?= -O2 -g
ALL_CFLAGS := -std=gnu11 -D_GNU_SOURCE $(WARN) -Iheaders -Iuser -I$(B) -MMD -MP $(CFLAGS)
BPF_CFLAGS := -O2 -g -target bpf -mcpu=v3 -D__TARGET_ARCH_$(ARCH) $(WARN) -Iheaders -Ibpf \
	-I/usr/include/$(MULTIARCH) -MMD -MP

# What reads tables, for whoever does.
READERS := tables reader strand merge store totals parallel largest
READING := $(READERS:%=$(B)/user/%.o)
USER_SRC := $(wildcard user/*.c)
USER_OBJ := $(USER_SRC:user/%.c=$(B)/user/%.o)
LIBS = $(shell pkg-config --libs $(PKGS)) -lelf -lz -lm -pthread
PKG_CFLAGS = $(shell pkg-config --cflags $(PKGS))

.DELETE_ON_ERROR:
.SECONDARY:
.PHONY: all run test tests bench bench-live bench-read bench-top install clean fmt fmt-check help deps-here

all: deps-here $(B)/weir $(B)/load

help:
	@echo 'sudo make run [IF=eth0] [SECONDS=10]   install what is missing, build, and show traffic'
	@echo 'sudo make test                         the same, and run every test'
	@echo 'sudo make bench-live                   the cost on a live link, beside other tools'
	@echo 'sudo make bench-read                   how fast files are read, beside other tools'
	@echo 'make | bench | install (PREFIX, DESTDIR) | fmt | fmt-check | clean'

# A complaint one can act on, before a compiler's.
deps-here:
	@for p in $(PKGS); do pkg-config --exists $$p 2>/dev/null || missing="$$missing $$p"; done; \
	for c in $(CLANG) $(LLVM_STRIP) $(BPFTOOL); do command -v $$c >/dev/null || missing="$$missing $$c"; done; \
	if [ -n "$$missing" ]; then \
		echo "missing:$$missing; 'sudo tools/install-deps' installs:" >&2; \
		tools/install-deps --check >&2; exit 1; \
	fi

$(B)/%.bpf.o: bpf/%.bpf.c Makefile
	$(call say,BPF,$<)
	@mkdir -p $(@D)
	$(Q)$(CLANG) $(BPF_CFLAGS) -MT $@ -MF $(@:.o=.d) -c $< -o $@
	$(Q)$(LLVM_STRIP) -g $@

$(B)/%.skel.h: $(B)/%.bpf.o
	$(call say,SKEL,$@)
	$(Q)$(BPFTOOL) gen skeleton $< name $*_bpf > $@ 2>$(B)/$*.skel.log || { cat $(B)/$*.skel.log >&2; exit 1; }

$(B)/user/%.o: user/%.c Makefile
	$(call say,CC,$<)
	@mkdir -p $(@D)
	$(Q)$(CC) $(ALL_CFLAGS) $(PKG_CFLAGS) -c $< -o $@

$(B)/user/live.o $(B)/user/live_slots.o $(B)/user/hooks.o: $(B)/weir.skel.h
$(B)/user/tap.o: $(B)/tap.skel.h
# The data path for files by the compiler that makes it for the kernel: an eighth faster than gcc's.
$(B)/user/native.o $(B)/user/plain.o: CC := $(CLANG)

$(B)/weir: $(USER_OBJ)
	$(call say,LINK,$@)
	$(Q)$(CC) $(CFLAGS) $(LDFLAGS) -o $@ $^ $(LIBS)

$(B)/load: tools/load.c Makefile
	$(call say,CC,$<)
	@mkdir -p $(@D)
	$(Q)$(CC) $(ALL_CFLAGS) $< -o $@

BENCH_USES := native $(READERS)
BENCH_OBJ := $(patsubst tools/%.c,$(B)/obj/%.o,$(wildcard tools/bench/*.c))

$(B)/obj/bench/%.o: tools/bench/%.c Makefile | $(B)/weir.skel.h $(B)/bench.skel.h
	$(call say,CC,$<)
	@mkdir -p $(@D)
	$(Q)$(CC) $(ALL_CFLAGS) -c $< -o $@

$(B)/weir-bench: $(BENCH_OBJ) $(BENCH_USES:%=$(B)/user/%.o)
	$(call say,LINK,$@)
	$(Q)$(CC) $(CFLAGS) $(LDFLAGS) -o $@ $^ -lbpf -lelf -lz -lm -pthread

$(B)/pcapgen: tools/pcapgen.c Makefile
	$(call say,CC,$<)
	@mkdir -p $(@D)
	$(Q)$(CC) $(ALL_CFLAGS) $< -o $@ -lm

$(B)/pcaploop: tools/pcaploop.c Makefile
	$(call say,CC,$<)
	$(Q)$(CC) $(ALL_CFLAGS) $< -o $@ -lpcap

# What tools/bench-live sends and receives with.
$(B)/blast: tools/blast.c bpf/blast.h $(B)/blast.skel.h Makefile
	$(call say,CC,$<)
	$(Q)$(CC) $(ALL_CFLAGS) $< -o $@ -lbpf -lelf -lz

$(B)/sink: tools/sink.c tools/contest.c tools/contest.h $(B)/sink.skel.h $(B)/bench.skel.h \
		$(B)/weir.skel.h $(READING) Makefile
	$(call say,CC,$<)
	$(Q)$(CC) $(ALL_CFLAGS) $(filter %.c %.o,$^) -o $@ -lbpf -lelf -lz -pthread

$(B)/flood: tools/flood.c Makefile
	$(call say,CC,$<)
	$(Q)$(CC) $(ALL_CFLAGS) $< -o $@

# ---- tests ----

SANITIZE := -O1 -g -fsanitize=address,undefined -fno-sanitize-recover=undefined
CORE := native $(READERS) view text rows rowset
TOP_CORE := $(CORE) names top_rates top_order top_look top_graph
TEST_CFLAGS := -std=gnu11 -D_GNU_SOURCE $(WARN) -Iheaders -Iuser -Itests -I$(B)
TEST_DEPS := $(wildcard tests/*.h user/*.h headers/weir/*.h) Makefile

$(B)/test/unit: tests/unit.c tests/fixtures.c $(CORE:%=user/%.c) $(TEST_DEPS)
	$(call say,TEST,$@)
	@mkdir -p $(@D)
	$(Q)$(CC) $(TEST_CFLAGS) $(SANITIZE) $(filter %.c,$^) -o $@ -lcmocka -lm -pthread

$(B)/test/unit_read: tests/unit_read.c $(READERS:%=user/%.c) user/native.c $(TEST_DEPS)
	$(call say,TEST,$@)
	@mkdir -p $(@D)
	$(Q)$(CC) $(TEST_CFLAGS) $(SANITIZE) $(filter %.c,$^) -o $@ -lcmocka -lm -pthread

$(B)/test/unit_top: tests/unit_top.c $(TOP_CORE:%=user/%.c) $(TEST_DEPS)
	$(call say,TEST,$@)
	@mkdir -p $(@D)
	$(Q)$(CC) $(TEST_CFLAGS) $(SANITIZE) $(filter %.c,$^) -o $@ -lcmocka -lm -pthread

# All that is no command, nor speaks as one.
LIB_OBJ := $(filter-out $(addprefix $(B)/user/,main.o manual.o cmd_%.o check%.o lives.o common.o o%.o top%.o export%.o \
	sink%.o clickhouse%.o spool.o),$(USER_OBJ))

EXPORT_CORE := $(CORE) feed record sink export_config
$(B)/test/unit_export: tests/unit_export.c $(EXPORT_CORE:%=user/%.c) $(TEST_DEPS)
	$(call say,TEST,$@)
	@mkdir -p $(@D)
	$(Q)$(CC) $(TEST_CFLAGS) $(SANITIZE) $(filter %.c,$^) -o $@ -lcmocka -lm -linih -pthread

$(B)/test/unit_spool: tests/unit_spool.c $(addprefix user/,spool.c clickhouse_block.c text.c) $(TEST_DEPS)
	$(call say,TEST,$@)
	@mkdir -p $(@D)
	$(Q)$(CC) $(TEST_CFLAGS) $(SANITIZE) $(filter %.c,$^) -o $@ -lcmocka -lz

IPFIX_CORE := peer ipfix_biflow ipfix_encode ipfix_option
$(B)/test/unit_ipfix: tests/unit_ipfix.c $(IPFIX_CORE:%=user/%.c) $(TEST_DEPS)
	$(call say,TEST,$@)
	@mkdir -p $(@D)
	$(Q)$(CC) $(TEST_CFLAGS) $(PKG_CFLAGS) $(SANITIZE) $(filter %.c,$^) -o $@ -lcmocka $(shell pkg-config --libs libfixbuf)

$(B)/test/prog: tests/prog.c tests/fixtures.c $(LIB_OBJ) $(B)/bench.skel.h $(TEST_DEPS)
	$(call say,TEST,$@)
	@mkdir -p $(@D)
	$(Q)$(CC) $(TEST_CFLAGS) -O2 -g $(filter %.c %.o,$^) -o $@ -lcmocka $(LIBS)

$(B)/test/tap: tests/tap.c tests/frames.c $(LIB_OBJ) $(TEST_DEPS)
	$(call say,TEST,$@)
	@mkdir -p $(@D)
	$(Q)$(CC) $(TEST_CFLAGS) -O2 -g $(filter %.c %.o,$^) -o $@ -lcmocka $(LIBS)

$(B)/test/filter: tests/filter.c tests/frames.c tests/reference.c $(filter $(B)/user/filter%.o,$(USER_OBJ)) $(TEST_DEPS)
	$(call say,TEST,$@)
	@mkdir -p $(@D)
	$(Q)$(CC) $(TEST_CFLAGS) -O2 -g $(filter %.c %.o,$^) -o $@ -lcmocka -lpcap $(LIBS)

READ_USES := answer merge parallel strand totals capture classic filter filter_emit filter_flow filter_packet filter_text \
	filter_translate filter_load lane native output_json plain reader rows rowset store tables text view
$(B)/test/read: tests/read.c $(READ_USES:%=$(B)/user/%.o) $(TEST_DEPS)
	$(call say,TEST,$@)
	@mkdir -p $(@D)
	$(Q)$(CC) $(TEST_CFLAGS) -O2 -g $(filter %.c %.o,$^) -o $@ -lcmocka $(LIBS)

# What threads share they must not race for; what live tables are read with is not of it.
$(B)/test/read_races: tests/read.c $(READ_USES:%=user/%.c) $(TEST_DEPS)
	$(call say,TEST,$@)
	@mkdir -p $(@D)
	$(Q)$(CC) $(TEST_CFLAGS) $(PKG_CFLAGS) -O1 -g -fsanitize=thread -Wno-tsan $(filter %.c,$^) -o $@ -lcmocka $(LIBS)

tests: $(B)/test/read $(B)/test/read_races $(B)/pcapgen $(B)/pcaploop

$(B)/test/replay: tests/replay.c tests/frames.c $(TEST_DEPS)
	$(call say,TEST,$@)
	@mkdir -p $(@D)
	$(Q)$(CC) $(TEST_CFLAGS) -O2 -g $(filter %.c,$^) -o $@

$(B)/test/capgen: tests/capgen.c $(TEST_DEPS)
	@mkdir -p $(@D)
	$(Q)$(CC) $(TEST_CFLAGS) -O2 -g $< -o $@

# The whole command with sanitizers, for hostile input.
$(B)/test/weir: $(USER_SRC) $(B)/weir.skel.h $(B)/tap.skel.h $(TEST_DEPS)
	$(call say,TEST,$@)
	@mkdir -p $(@D)
	$(Q)$(CC) $(TEST_CFLAGS) $(PKG_CFLAGS) $(SANITIZE) $(USER_SRC) -o $@ $(LIBS)

tests: $(B)/test/unit $(B)/test/unit_read $(B)/test/unit_top $(B)/test/unit_export $(B)/test/unit_spool $(B)/test/unit_ipfix $(B)/test/prog $(B)/test/tap $(B)/test/filter $(B)/test/replay \
	$(B)/test/capgen $(B)/test/weir $(B)/blast $(B)/sink $(B)/weir-bench

# ---- what people type ----

run:
	@tools/install-deps
	@$(MAKE) --no-print-directory all
	@tools/run $(B) "$(IF)" $(SECONDS)

test:
	@tools/install-deps test
	@$(MAKE) --no-print-directory all tests
	@tests/run $(B)

bench: all $(B)/weir-bench
	$(B)/weir-bench $(BENCH_ARGS)

bench-live:
	@tools/install-deps bench
	@$(MAKE) --no-print-directory all $(B)/blast $(B)/sink
	@tools/bench-live $(BENCH_ARGS) $(B)

bench-read:
	@tools/install-deps bench
	@$(MAKE) --no-print-directory all $(B)/pcapgen $(B)/pcaploop
	@tools/bench-read $(BENCH_ARGS) $(B)

bench-top: all $(B)/flood
	tools/bench-top $(B) $(FLOWS)

# Manual pages and bash completion, from the tables of commands and options.
$(B)/man/weir.8: $(B)/weir tools/manpages $(wildcard tools/man/*.scd)
	$(call say,MAN,$(@D))
	$(Q)tools/manpages $(B)/weir $(@D)

install: all $(B)/man/weir.8
	install -D -m 755 $(B)/weir $(DESTDIR)$(PREFIX)/sbin/weir
	install -d $(DESTDIR)$(PREFIX)/share/man/man8
	install -m 644 $(B)/man/*.8 $(DESTDIR)$(PREFIX)/share/man/man8
	install -D -m 644 $(B)/man/weir.bash $(DESTDIR)$(PREFIX)/share/bash-completion/completions/weir

FORMATTED := $(wildcard bpf/*.[ch] headers/weir/*.h user/*.[ch] tools/*.[ch] tools/bench/*.[ch] tests/*.[ch])
fmt:
	clang-format -i $(FORMATTED)
fmt-check:
	clang-format --dry-run -Werror $(FORMATTED)

clean:
	rm -rf $(B)

-include $(USER_OBJ:.o=.d) $(BENCH_OBJ:.o=.d) $(filter-out $(B)/weir-bench.d,$(wildcard $(B)/*.d))
