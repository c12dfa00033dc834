// Random operations on the namespace and on the machine's own file system: the same results, the same errors, the same
// tree at the end. VORTEX_NAMESPACE_SEEDS=1..50 VORTEX_NAMESPACE_STEPS=2000 does it at length.
#include <cstdlib>

#include "tests/sim/dice.h"
#include "tests/unit/node/local_tree.h"
#include "tests/unit/node/tree_rig.h"

using namespace vortex;
using namespace vortex::node;

namespace {

std::string word_of(const Status& status) { return status.ok() ? "ok" : code_info(status.error().code()).name; }
template <class T>
Status status_of(const Result<T>& result) {
  if (!result.ok()) return result.error();
  return Status();
}

class Comparison {
 public:
  explicit Comparison(std::uint64_t seed) : dice_(seed), rig_(options(seed), seed) {
    // Links may lead one directory up, not beyond what is compared.
    REQUIRE(local_.mkdir("/w").ok());
    REQUIRE(rig_.mkdir("/w").ok());
  }

  void step() {
    switch (dice_.below(16)) {
      case 0:
      case 1:
      case 2:
        return put();
      case 3:
      case 4:
        return same("mkdir", path(), [&](auto& tree, auto& at) { return tree.mkdir(at); });
      case 5:
        return same("rmdir", path(), [&](auto& tree, auto& at) { return tree.rmdir(at); });
      case 6:
        return same("unlink", path(), [&](auto& tree, auto& at) { return tree.unlink(at); });
      case 7:
      case 8:
      case 9:
        return same_two("rename", path(), path(), [](auto& tree, auto& a, auto& b) { return tree.rename(a, b); });
      case 10:
        return same_two("link", path(), path(), [](auto& tree, auto& a, auto& b) { return tree.link(a, b); });
      case 11:
        return same_two("symlink", target(), path(), [](auto& tree, auto& a, auto& b) { return tree.symlink(a, b); });
      case 12:
        return read();
      case 13:
        return stat();
      case 14:
        return list();
      default:
        return attributes();
    }
  }

  void compare_trees() {
    std::size_t seen = 0;
    auto expected = local_.all();
    for (const auto& [at, node] : expected) {
      CAPTURE(at);
      auto ours = rig_.stat(at);
      REQUIRE(ours.ok());
      compare(at, *ours, node);
      ++seen;
      if (node.type == FileType::regular) EXPECT_EQ(*rig_.read(at), node.content);
      if (node.type == FileType::directory) EXPECT_EQ(our_list(at), *local_.list(at));
    }
    CAPTURE(seen);
    EXPECT_EQ(our_list("/"), *local_.list("/"));
  }

 private:
  static TreeOptions options(std::uint64_t seed) {
    TreeOptions options;
    if (seed % 2 == 0) return options;
    // Parts of a few entries, looked after all the time.
    options.parts.entries_max = 3;
    options.parts.count_one_in = 1;
    return options;
  }

  std::string path() {
    static const char* const kNames[] = {"a", "b", "c", "d", "e"};
    std::string text = "/w";
    for (std::uint64_t depth = dice_.between(1, 4); depth > 0; --depth)
      text += std::string("/") + kNames[dice_.below(std::size(kNames))];
    if (dice_.one_in(40)) text += "/";
    return text;
  }
  std::string target() {
    std::string text = path().substr(3);
    if (dice_.one_in(3)) text = "../" + text.substr(0, 1);
    return text;
  }

  void compare(const std::string& what, const Inode& ours, const LocalNode& theirs) {
    INFO(what);
    EXPECT_EQ(static_cast<int>(ours.type), static_cast<int>(theirs.type));
    if (theirs.type == FileType::directory) return;
    EXPECT_EQ(ours.size, theirs.size);
    EXPECT_EQ(ours.links, theirs.links);
    if (theirs.type == FileType::regular) EXPECT_EQ(ours.attributes.mode, theirs.mode);
    if (theirs.type == FileType::symlink) EXPECT_EQ(ours.target, theirs.content);
    // Where somebody has set it, which was in the last century.
    bool set = theirs.modified < 1'000'000'000'000'000 || ours.attributes.modified < 1'000'000'000'000'000;
    if (set) EXPECT_EQ(ours.attributes.modified, theirs.modified);
  }
  void verdict(const std::string& what, const Status& ours, const Status& theirs) {
    log_ += what + ": " + word_of(theirs) + "\n";
    if (word_of(ours) == word_of(theirs)) return;
    INFO(log_);
    REQUIRE_EQ(what + " " + word_of(ours), what + " " + word_of(theirs));
  }
  template <class F>
  void same(const std::string& what, const std::string& at, F call) {
    Status theirs = call(local_, at);
    Status ours;
    auto result = call(rig_, at);
    if (!result.ok()) ours = result.error();
    verdict(what + " " + at, ours, theirs);
  }
  template <class F>
  void same_two(const std::string& what, const std::string& a, const std::string& b, F call) {
    Status theirs = call(local_, a, b);
    Status ours;
    auto result = call(rig_, a, b);
    if (!result.ok()) ours = result.error();
    verdict(what + " " + a + " " + b, ours, theirs);
  }
  void put() {
    std::string at = path(), content(dice_.below(200), static_cast<char>('a' + dice_.below(26)));
    bool absent = dice_.one_in(4);
    Change change;
    change.only_if.absent = absent;
    verdict("put " + at, status_of(rig_.put(at, content, change)), local_.put(at, content, absent));
  }
  void read() {
    std::string at = path();
    auto ours = rig_.read(at), theirs = local_.read(at);
    verdict("read " + at, status_of(ours), status_of(theirs));
    if (theirs.ok()) REQUIRE_EQ(*ours, *theirs);
  }
  void stat() {
    std::string at = path();
    Follow follow = dice_.one_in(2) ? Follow::yes : Follow::no;
    auto ours = rig_.run([&](Env&) { return rig_.names.stat(rig_.root, at, follow, seconds(1)); });
    auto theirs = local_.stat(at, follow == Follow::yes);
    verdict("stat " + at, status_of(ours), status_of(theirs));
    if (theirs.ok()) compare(at, *ours, *theirs);
  }
  std::string our_list(const std::string& at) {
    std::string text, after;
    while (true) {
      auto page =
          rig_.run([&](Env&) { return rig_.names.list(rig_.root, at, after, dice_.between(1, 3), seconds(1)); });
      if (!page.ok()) return word_of(status_of(page));
      for (const Listed& listed : page->entries) text += listed.name + "/";
      if (!page->more) return text;
      after = page->entries.back().name;
    }
  }
  void list() {
    std::string at = path();
    auto theirs = local_.list(at);
    REQUIRE_EQ(our_list(at), theirs.ok() ? *theirs : word_of(status_of(theirs)));
  }
  void attributes() {
    std::string at = path();
    AttributeChange change;
    Status theirs;
    if (dice_.one_in(2)) {
      change.modified = static_cast<FileTime>(dice_.below(900'000'000'000'000));
      theirs = local_.touch(at, *change.modified);
    } else {
      static const std::uint32_t kModes[] = {0644, 0600, 0755, 0640};
      auto node = local_.stat(at, true);
      change.mode = kModes[dice_.below(std::size(kModes))];
      if (node.ok() && node->type == FileType::directory) change.mode = 0755;
      theirs = local_.chmod(at, *change.mode);
    }
    auto ours = rig_.run([&](Env&) { return rig_.names.set(rig_.root, at, Follow::yes, change, Change()); });
    verdict("set " + at, status_of(ours), theirs);
  }

  sim::Dice dice_;
  LocalTree local_;
  TreeRig rig_;
  std::string log_;
};

}  // namespace

TEST_CASE("random operations do what they do on the machine's own file system") {
  std::uint64_t first = 1, last = 6, steps = 500;
  if (const char* seeds = std::getenv("VORTEX_NAMESPACE_SEEDS")) {
    char* end = nullptr;
    first = std::strtoull(seeds, &end, 10);
    last = std::strtoull(end + 2, nullptr, 10);
  }
  if (const char* text = std::getenv("VORTEX_NAMESPACE_STEPS")) steps = std::strtoull(text, nullptr, 10);
  for (std::uint64_t seed = first; seed <= last; ++seed) {
    CAPTURE(seed);
    Comparison comparison(seed);
    for (std::uint64_t i = 0; i < steps; ++i) comparison.step();
    comparison.compare_trees();
  }
}
