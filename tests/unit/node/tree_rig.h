// A namespace on a simulated machine, over records in memory.
#pragma once

#include <string>

#include "node/namespace/namespace.h"
#include "tests/sim/world.h"
#include "tests/support/local_records.h"
#include "tests/unit/test.h"

namespace vortex::node {

struct TreeRig {
  template <class Make>
  auto run(Make make) {
    return world.run(machine, make);
  }
  explicit TreeRig(TreeOptions options = TreeOptions(), std::uint64_t seed = 1)
      : world(seed, quiet()),
        machine(world.add_machine()),
        records(machine.env(), partitions),
        tree(machine.env(), records, options),
        names(tree) {
    REQUIRE(run([&](Env&) { return tree.create_root(Attributes(), FilePolicy(), seconds(1)); }).ok());
  }
  ~TreeRig() {
    EXPECT(run([&](Env&) { return stopped(tree); }).ok());
    machine.kill();
  }
  static Task<Status> stopped(Tree& tree) {
    co_await tree.stop();
    co_return Status();
  }
  static sim::WorldOptions quiet() {
    sim::WorldOptions options;
    options.log_level = LogLevel::error;
    return options;
  }

  Result<Inode> put(const std::string& path, const std::string& text, Change change = Change()) {
    return run([&](Env&) { return names.put(root, path, NewContent::of(as_bytes(text)), Attributes(), change); });
  }
  Result<std::string> read(const std::string& path) {
    auto file = run([&](Env&) { return names.read_small(root, path, seconds(1)); });
    if (!file.ok()) return file.error();
    return std::string(as_text(file->bytes));
  }
  Result<Inode> mkdir(const std::string& path) {
    return run([&](Env&) { return names.mkdir(root, path, directory_attributes(), Change()); });
  }
  Result<Inode> stat(const std::string& path) {
    return run([&](Env&) { return names.stat(root, path, Follow::no, seconds(1)); });
  }
  Status unlink(const std::string& path) {
    return run([&](Env&) { return names.unlink(root, path, Change()); });
  }
  Status rmdir(const std::string& path) {
    return run([&](Env&) { return names.rmdir(root, path, Change()); });
  }
  Status rename(const std::string& from, const std::string& to) {
    return run([&](Env&) { return names.rename(root, from, to, RenameOptions(), Change()); });
  }
  Result<Inode> link(const std::string& from, const std::string& to) {
    return run([&](Env&) { return names.link(root, from, to, Change()); });
  }
  Result<Inode> symlink(const std::string& target, const std::string& path) {
    return run([&](Env&) { return names.symlink(root, target, path, Attributes(), Change()); });
  }
  // Names, separated by spaces.
  std::string list(const std::string& path) {
    std::string text, after;
    while (true) {
      auto page = run([&](Env&) { return names.list(root, path, after, 100, seconds(1)); });
      if (!page.ok()) return page.error().to_string();
      for (const Listed& listed : page->entries) text += (text.empty() ? "" : " ") + listed.name;
      if (!page->more) return text;
      after = page->entries.back().name;
    }
  }
  static Attributes directory_attributes() {
    Attributes attributes;
    attributes.mode = 0755;
    return attributes;
  }

  sim::World world;
  sim::Machine& machine;
  dht::LocalPartitions partitions;
  dht::LocalRecords records;
  Tree tree;
  Namespace names;
  Caller root = Caller::root();
};

}  // namespace vortex::node
