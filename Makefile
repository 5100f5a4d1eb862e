# SPDX-License-Identifier: GPL-2.0
# weir. `sudo make run` and `sudo make test` are all one needs; `make help` lists the rest.

PREFIX ?= /usr/local
B := build
CLANG ?= clang
LLVM_STRIP ?= llvm-strip
BPFTOOL ?= $(or $(shell command -v bpftool),/usr/sbin/bpftool)
# These are loaded by what wants them (user/base/library.h), never linked.
LOADED := libcurl libfixbuf glib-2.0 libmicrohttpd libpcap
PKGS := libbpf libxdp json-c ncursesw libmnl inih libcrypt
Q := $(if $(V),,@)
say = $(if $(V),,@printf '  %-5s %s\n' $(1) $(2))

ARCH := $(shell uname -m | sed 's/x86_64/x86/;s/aarch64/arm64/;s/ppc64le/powerpc/;s/riscv64/riscv/')
MULTIARCH := $(shell $(CC) -print-multiarch 2>/dev/null)
WARN := -Wall -Wextra -Wshadow -Werror
CFLAGS ?= -O2 -g
# No table of addresses stays writable.
LDFLAGS ?= -Wl,-z,relro -Wl,-z,now
ALL_CFLAGS := -std=gnu11 -D_GNU_SOURCE $(WARN) -Iheaders -Iuser -I$(B) -MMD -MP $(CFLAGS)
BPF_CFLAGS := -O2 -g -target bpf -mcpu=v3 -D__TARGET_ARCH_$(ARCH) $(WARN) -Iheaders -Ibpf \
	-I/usr/include/$(MULTIARCH) -MMD -MP

USER_SRC := $(wildcard user/*.c user/*/*.c)
USER_OBJ := $(USER_SRC:user/%.c=$(B)/user/%.o)
LIBS = $(shell pkg-config --libs $(PKGS)) -lelf -lz -lm -pthread
PKG_CFLAGS = $(shell pkg-config --cflags $(PKGS) $(LOADED))

.DELETE_ON_ERROR:
.SECONDARY:
.PHONY: all run test tests bench bench-live bench-read bench-top bench-packets install deb clean fmt fmt-check help deps-here

all: deps-here $(B)/weir $(B)/load

help:
	@echo 'sudo make run [IF=eth0] [SECONDS=10]   install what is missing, build, and show traffic'
	@echo 'sudo make test                         the same, and run every test'
	@echo 'sudo make bench-live                   the cost on a live link, beside other tools'
	@echo 'sudo make bench-read                   how fast files are read, beside other tools'
	@echo 'sudo make deb                          a Debian package, build/weir_*.deb'
	@echo 'sudo make bench-packets                how many packets it keeps, beside tcpdump and xdpdump'
	@echo 'make | bench | install (PREFIX, DESTDIR) | fmt | fmt-check | clean'

# A complaint one can act on, before a compiler's.
deps-here:
	@for p in $(PKGS) $(LOADED); do pkg-config --exists $$p 2>/dev/null || missing="$$missing $$p"; done; \
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

$(addprefix $(B)/user/attach/,live_attach.o live_maps.o live_programs.o live_slots.o hooks.o): $(B)/weir.skel.h
$(addprefix $(B)/user/tap/,tap.o tap_place.o tap_read.o): $(B)/tap.skel.h
$(addprefix $(B)/user/,base/pcap.o export/microhttpd.o sinks/curl.o sinks/fixbuf.o): $(B)/sonames.h
# The data path for files by the compiler that makes it for the kernel: an eighth faster than gcc's.
$(B)/user/files/native.o $(B)/user/files/plain.o: CC := $(CLANG)

# SONAME_libcurl, SONAME_glib_2_0: what a program linked with that library would load.
$(B)/sonames.h: Makefile
	$(call say,SONAME,$@)
	@mkdir -p $(@D)
	$(Q)for p in $(LOADED); do \
		so=$$(pkg-config --variable=libdir $$p)/lib$${p#lib}.so; \
		name=$$(LC_ALL=C readelf -d "$$so" | sed -n 's/.*(SONAME).*\[\(.*\)\]/\1/p'); \
		[ "$$name" ] || { echo "$$so: no name of a shared library is in it" >&2; exit 1; }; \
		echo "#define SONAME_$$(echo $$p | tr .- __) \"$$name\""; \
	done >$@

$(B)/weir: $(USER_OBJ)
	$(call say,LINK,$@)
	$(Q)$(CC) $(CFLAGS) $(LDFLAGS) -o $@ $^ $(LIBS)

LOAD_OBJ := $(patsubst tools/%.c,$(B)/obj/%.o,$(wildcard tools/load/*.c))

$(B)/obj/load/%.o: tools/load/%.c Makefile
	$(call say,CC,$<)
	@mkdir -p $(@D)
	$(Q)$(CC) $(ALL_CFLAGS) -c $< -o $@

$(B)/load: $(LOAD_OBJ)
	$(call say,LINK,$@)
	$(Q)$(CC) $(CFLAGS) $(LDFLAGS) -o $@ $^

BENCH_OBJ := $(patsubst tools/%.c,$(B)/obj/%.o,$(wildcard tools/bench/*.c))

$(B)/obj/bench/%.o: tools/bench/%.c Makefile | $(B)/weir.skel.h $(B)/bench.skel.h
	$(call say,CC,$<)
	@mkdir -p $(@D)
	$(Q)$(CC) $(ALL_CFLAGS) -c $< -o $@

$(B)/weir-bench: $(BENCH_OBJ) $(B)/user/libweir.a
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
		$(B)/weir.skel.h $(B)/user/libweir.a Makefile
	$(call say,CC,$<)
	$(Q)$(CC) $(ALL_CFLAGS) $(filter %.c,$^) $(filter %.a,$^) -o $@ -lbpf -lelf -lz -lm -pthread

$(B)/flood: tools/flood.c Makefile
	$(call say,CC,$<)
	$(Q)$(CC) $(ALL_CFLAGS) $< -o $@

# ---- tests ----

# All but main(), three times: as it is, and for the sanitizers of memory and of threads. A test
# links what it uses of it.
OBJECTS := $(filter-out main,$(USER_SRC:user/%.c=%))
ASAN := -O1 -g -fsanitize=address,undefined -fno-sanitize-recover=undefined
TSAN := -O1 -g -fsanitize=thread -Wno-tsan
TEST_CFLAGS := -std=gnu11 -D_GNU_SOURCE $(WARN) -Iheaders -Iuser -Itests -I$(B)
TEST_DEPS := $(wildcard tests/*.h user/*.h user/*/*.h headers/weir/*.h) Makefile
# What is made of others and included.
GENERATED := $(B)/weir.skel.h $(B)/tap.skel.h $(B)/sonames.h

$(B)/asan/%.o: user/%.c Makefile | $(GENERATED)
	$(call say,ASAN,$<)
	@mkdir -p $(@D)
	$(Q)$(CC) $(TEST_CFLAGS) $(PKG_CFLAGS) $(ASAN) -MMD -MP -c $< -o $@

$(B)/tsan/%.o: user/%.c Makefile | $(GENERATED)
	$(call say,TSAN,$<)
	@mkdir -p $(@D)
	$(Q)$(CC) $(TEST_CFLAGS) $(PKG_CFLAGS) $(TSAN) -MMD -MP -c $< -o $@

$(B)/user/libweir.a: $(OBJECTS:%=$(B)/user/%.o)
$(B)/asan/libweir.a: $(OBJECTS:%=$(B)/asan/%.o)
$(B)/tsan/libweir.a: $(OBJECTS:%=$(B)/tsan/%.o)
%/libweir.a:
	$(Q)rm -f $@ && $(AR) rcs $@ $^

# Tests of code alone, with the sanitizers; those that want a kernel or speed, without.
UNIT_TESTS := $(basename $(notdir $(wildcard tests/unit_*.c)))
PLAIN_TESTS := prog tap filter read
# Programs of the tests: what sends, writes and replays.
TEST_TOOLS := replay capgen

$(addprefix $(B)/test/,unit_count unit_tables unit_views unit_feed unit_top_data): tests/counted.c
$(B)/test/unit_count: tests/fixtures.c
# These have a clock of their own.
$(B)/test/unit_feed $(B)/test/unit_top_data: LIBS += -Wl,--wrap=clock_gettime
$(B)/test/unit_parse: tests/fixtures.c tests/frames.c
$(B)/test/prog: tests/fixtures.c $(B)/bench.skel.h $(B)/weir.skel.h
$(B)/test/tap $(B)/test/unit_packets: tests/frames.c
$(B)/test/filter: tests/verdicts.c tests/classic.c tests/frames.c tests/reference.c
# That compares with libpcap itself.
$(B)/test/filter: LIBS += -lpcap
$(B)/test/replay: tests/frames.c

$(UNIT_TESTS:%=$(B)/test/%): $(B)/test/%: tests/%.c $(B)/asan/libweir.a $(TEST_DEPS)
	$(call say,TEST,$@)
	@mkdir -p $(@D)
	$(Q)$(CC) $(TEST_CFLAGS) $(PKG_CFLAGS) $(ASAN) $(filter %.c,$^) $(filter %.a,$^) -o $@ -lcmocka $(LIBS)

$(PLAIN_TESTS:%=$(B)/test/%): $(B)/test/%: tests/%.c $(B)/user/libweir.a $(TEST_DEPS)
	$(call say,TEST,$@)
	@mkdir -p $(@D)
	$(Q)$(CC) $(TEST_CFLAGS) -O2 -g $(filter %.c,$^) $(filter %.a,$^) -o $@ -lcmocka $(LIBS)

# What threads share they must not race for.
$(B)/test/read_races: tests/read.c $(B)/tsan/libweir.a $(TEST_DEPS)
	$(call say,TEST,$@)
	@mkdir -p $(@D)
	$(Q)$(CC) $(TEST_CFLAGS) $(TSAN) $(filter %.c,$^) $(filter %.a,$^) -o $@ -lcmocka $(LIBS)

$(TEST_TOOLS:%=$(B)/test/%): $(B)/test/%: tests/%.c $(TEST_DEPS)
	$(call say,TEST,$@)
	@mkdir -p $(@D)
	$(Q)$(CC) $(TEST_CFLAGS) -O2 -g $(filter %.c,$^) -o $@

# The whole command with sanitizers, for hostile input.
$(B)/test/weir: $(B)/asan/main.o $(B)/asan/libweir.a
	$(call say,TEST,$@)
	@mkdir -p $(@D)
	$(Q)$(CC) $(ASAN) $^ -o $@ $(LIBS)

tests: $(addprefix $(B)/test/,$(UNIT_TESTS) $(PLAIN_TESTS) $(TEST_TOOLS) read_races weir) \
	$(B)/blast $(B)/flood $(B)/sink $(B)/weir-bench $(B)/pcapgen $(B)/pcaploop

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

bench-packets:
	@tools/install-deps bench
	@$(MAKE) --no-print-directory all $(B)/blast
	@tools/bench-packets $(BENCH_ARGS) $(B)

install: all $(B)/man/weir.8
	install -D -m 755 $(B)/weir $(DESTDIR)$(PREFIX)/sbin/weir
	install -d $(DESTDIR)$(PREFIX)/share/man/man8
	install -m 644 $(B)/man/*.8 $(DESTDIR)$(PREFIX)/share/man/man8
	install -D -m 644 $(B)/man/weir.bash $(DESTDIR)$(PREFIX)/share/bash-completion/completions/weir
	install -d $(DESTDIR)$(PREFIX)/lib/systemd/system
	sed 's|@SBINDIR@|$(PREFIX)/sbin|; s|@DATADIR@|$(PREFIX)/share|' tools/systemd/weir@.service \
		>$(DESTDIR)$(PREFIX)/lib/systemd/system/weir@.service
	install -D -m 644 tools/systemd/export.conf $(DESTDIR)$(PREFIX)/share/weir/export.conf
	install -D -m 644 tools/grafana/weir.json $(DESTDIR)$(PREFIX)/share/weir/grafana/weir.json
	install -d $(DESTDIR)$(PREFIX)/share/weir/prometheus $(DESTDIR)$(PREFIX)/share/weir/clickhouse/queries
	for rules in $(wildcard tools/prometheus/*.rules.yml); do \
		install -m 644 $$rules $(DESTDIR)$(PREFIX)/share/weir/prometheus; done
	install -m 644 tools/clickhouse/*.sql $(DESTDIR)$(PREFIX)/share/weir/clickhouse
	install -m 644 tools/clickhouse/queries/*.sql $(DESTDIR)$(PREFIX)/share/weir/clickhouse/queries

deb:
	@tools/install-deps deb
	@tools/make-deb $(B)

FORMATTED := $(wildcard bpf/*.[ch] headers/weir/*.h user/*.[ch] user/*/*.[ch] tools/*.[ch] tools/bench/*.[ch] tools/load/*.[ch] tests/*.[ch])
fmt:
	@clang-format -i $(FORMATTED)
fmt-check:
	@clang-format --dry-run -Werror $(FORMATTED)

clean:
	rm -rf $(B)

-include $(USER_OBJ:.o=.d) $(wildcard $(B)/asan/*.d $(B)/asan/*/*.d $(B)/tsan/*.d $(B)/tsan/*/*.d) $(BENCH_OBJ:.o=.d) $(LOAD_OBJ:.o=.d) $(filter-out $(B)/weir-bench.d $(B)/load.d,$(wildcard $(B)/*.d))
