#include "base/check.h"

#include <atomic>
#include <cstdio>
#include <cstdlib>

namespace vortex {

namespace {
std::atomic<CheckHook> g_hook{nullptr};
}

void set_check_hook(CheckHook hook) { g_hook.store(hook); }

void check_failed(const char* file, int line, const char* condition, std::string_view detail) {
  std::string text = std::string(file) + ":" + std::to_string(line) + ": check failed: " + condition;
  if (!detail.empty()) text.append(": ").append(detail);
  if (CheckHook hook = g_hook.exchange(nullptr)) hook(text);
  std::fprintf(stderr, "%s\n", text.c_str());
  std::fflush(stderr);
  std::abort();
}

}  // namespace vortex
