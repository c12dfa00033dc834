// CHECK: what must hold in a correct program. It stays on in release; a failure ends the process.
#pragma once

#include <string>
#include <string_view>

namespace vortex {

// Called once, before the process aborts, with the text of the failed check. The simulator installs one to
// name the node, the seed and the virtual time; by default the text goes to stderr.
using CheckHook = void (*)(std::string_view text);
void set_check_hook(CheckHook hook);

[[noreturn]] void check_failed(const char* file, int line, const char* condition, std::string_view detail = {});

}  // namespace vortex

#define CHECK(condition) \
  (__builtin_expect(static_cast<bool>(condition), 1) ? void(0) : ::vortex::check_failed(__FILE__, __LINE__, #condition))

// The detail is built only on failure.
#define CHECK_MSG(condition, detail)                           \
  (__builtin_expect(static_cast<bool>(condition), 1) ? void(0) \
                                                     : ::vortex::check_failed(__FILE__, __LINE__, #condition, detail))
