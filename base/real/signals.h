// Signals of the operating system as events of the loop.
#pragma once

#include <initializer_list>
#include <memory>

#include "base/loop.h"

namespace vortex {

// As long as it lives, these signals no longer end the process. One that comes while nobody waits is kept.
class Signals {
 public:
  Signals(Loop& loop, std::initializer_list<int> numbers);
  ~Signals();

  // The number of the next signal, or `cancelled`. One caller at a time.
  Task<Result<int>> next();

 private:
  struct Set;
  std::unique_ptr<Set> set_;
};

}  // namespace vortex
