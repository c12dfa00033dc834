#include "net/reported_error.h"

#include <algorithm>
#include <utility>

#include "net/limits.h"

namespace vortex::net {

Error reported_error(std::uint16_t code, std::uint32_t retry_after_ms, std::string text) {
  Code reported = code_from_number(code);
  if (reported == Code::cancelled || reported == Code::unreachable) reported = Code::closed;
  return Error(reported, std::move(text)).with_retry_after(std::min(retry_after_ms, kRetryAfterMaxMs));
}

}  // namespace vortex::net
