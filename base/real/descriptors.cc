#include "base/real/descriptors.h"

#include <sys/resource.h>

#include <algorithm>

#include "base/check.h"

namespace vortex {

namespace {
rlimit descriptor_limit() {
  rlimit limit{};
  CHECK(::getrlimit(RLIMIT_NOFILE, &limit) == 0);
  return limit;
}
}  // namespace

std::size_t descriptors_max() { return descriptor_limit().rlim_cur; }

std::size_t raise_descriptors_max(std::size_t wanted) {
  rlimit limit = descriptor_limit();
  rlim_t possible = std::min<rlim_t>(wanted, limit.rlim_max);
  if (possible <= limit.rlim_cur) return limit.rlim_cur;
  limit.rlim_cur = possible;
  // Where that is forbidden, it stays as it is.
  if (::setrlimit(RLIMIT_NOFILE, &limit) != 0) return descriptors_max();
  return possible;
}

}  // namespace vortex
