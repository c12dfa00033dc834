#include "node/access/key_watch.h"

namespace vortex::node {

namespace {
constexpr Duration kLookPatience = seconds(10);
}  // namespace

Task<void> KeyWatch::run() {
  while (true) {
    Status slept = co_await sleep_for(env_, kKeyWatchEvery);
    if (!slept.ok()) co_return;
    const std::set<std::string> here = keys_();
    for (const std::string& key : here) {
      auto found = co_await book_.find_key(key, kLookPatience);
      if (found.is(Code::cancelled)) co_return;
      // What cannot be looked up now is asked again the next time.
      const bool gone = found.is(Code::not_found) || (found.ok() && found->expired);
      if (gone) close_(key);
    }
  }
}

}  // namespace vortex::node
