#include "node/namespace/namespace.h"

#include "tests/unit/node/tree_rig.h"

using namespace vortex;
using namespace vortex::node;

TEST_CASE("a file stored under a path is found, listed and read back") {
  TreeRig rig;
  REQUIRE(rig.mkdir("/photos").ok());
  REQUIRE(rig.put("/photos/moon.txt", "a moon").ok());
  REQUIRE(rig.put("/photos/empty", "").ok());
  EXPECT_EQ(*rig.read("/photos/moon.txt"), "a moon");
  EXPECT_EQ(*rig.read("/photos/empty"), "");
  EXPECT_EQ(rig.list("/photos"), "empty moon.txt");
  EXPECT_EQ(rig.list("/"), "photos");
  auto file = rig.stat("/photos/moon.txt");
  REQUIRE(file.ok());
  EXPECT_EQ(file->size, 6);
  EXPECT(file->type == FileType::regular);
  EXPECT(rig.stat("/photos")->type == FileType::directory);
  EXPECT(rig.stat("/photos/sun").is(Code::not_found));
  EXPECT(rig.stat("/photos/moon.txt/x").is(Code::not_directory));
  EXPECT(rig.put("/nowhere/x", "").is(Code::not_found));
}

TEST_CASE("storing again replaces the content, and the version grows") {
  TreeRig rig;
  auto first = rig.put("/a", "one");
  auto second = rig.put("/a", "two, longer");
  REQUIRE(second.ok());
  EXPECT_EQ(second->id.hex(), first->id.hex());
  EXPECT_GT(second->version, first->version);
  EXPECT_EQ(*rig.read("/a"), "two, longer");
  EXPECT_EQ(rig.stat("/a")->version, second->version);
}

TEST_CASE("every rule for paths is refused by name") {
  TreeRig rig;
  std::string long_name(kNameMax, 'n'), long_path;
  while (long_path.size() + 3 < kPathMax) long_path += "/ab";
  EXPECT(rig.put("/" + long_name, "x").ok());
  EXPECT_EQ(*rig.read("/" + long_name), "x");
  for (const std::string& path :
       {std::string(), std::string("/a/../b"), std::string("/a\0b", 4), "/" + long_name + "n", std::string("..")}) {
    CAPTURE(path);
    EXPECT(rig.put(path, "x").is(Code::invalid_path));
  }
  EXPECT(rig.stat(long_path).is(Code::not_found));
  EXPECT(rig.stat(long_path + "/abcd").is(Code::invalid_path));
  auto empty = rig.stat("");
  REQUIRE(!empty.ok());
  EXPECT_NE(empty.error().message().find("empty"), std::string_view::npos);
}

TEST_CASE("names may hold every byte but the slash and the NUL") {
  TreeRig rig;
  for (int byte = 1; byte < 256; ++byte) {
    if (byte == '/') continue;
    std::string name(1, static_cast<char>(byte));
    if (name == ".") name = "..x";
    REQUIRE(rig.put("/" + name, std::to_string(byte)).ok());
  }
  auto listing = rig.run([&](Env&) { return rig.names.list(rig.root, "/", "", 1000, seconds(1)); });
  REQUIRE(listing.ok());
  EXPECT_EQ(listing->entries.size(), 254);
  EXPECT_EQ(*rig.read("/\xff"), "255");
}

TEST_CASE("directories are made, are removed when they are empty, and keep their place in the tree") {
  TreeRig rig;
  REQUIRE(rig.mkdir("/a").ok());
  REQUIRE(rig.mkdir("/a/b/").ok());
  EXPECT(rig.mkdir("/a").is(Code::exists));
  EXPECT(rig.mkdir("/x/y").is(Code::not_found));
  EXPECT(rig.rmdir("/a").is(Code::not_empty));
  EXPECT(rig.unlink("/a").is(Code::is_directory));
  REQUIRE(rig.put("/a/b/f", "x").ok());
  EXPECT(rig.rmdir("/a/b/f").is(Code::not_directory));
  REQUIRE(rig.unlink("/a/b/f").ok());
  REQUIRE(rig.rmdir("/a/b").ok());
  REQUIRE(rig.rmdir("/a").ok());
  EXPECT_EQ(rig.list("/"), "");
  EXPECT(rig.rmdir("/").is(Code::in_use));
}

TEST_CASE("no transaction keeps others from writing a directory's time, which changes all the same") {
  TreeRig rig;
  REQUIRE(rig.mkdir("/a").ok());
  REQUIRE(rig.mkdir("/b").ok());
  REQUIRE(rig.put("/a/f", "text").ok());
  bool across = false;
  rig.records.before_commit([&across](const dht::Batch& batch) {
    for (const dht::Write& write : batch.writes)
      for (const dht::Write& other : batch.writes) {
        if (write.key.place == other.key.place) continue;
        across = true;
        EXPECT(!(write.value && name_in(write.key, RecordKind::pulse)));
      }
  });
  FileTime a = rig.stat("/a")->attributes.modified, b = rig.stat("/b")->attributes.modified;
  rig.world.run_for(seconds(1));
  REQUIRE(rig.rename("/a/f", "/b/f").ok());
  EXPECT_GT(rig.stat("/a")->attributes.modified, a);
  EXPECT_GT(rig.stat("/b")->attributes.modified, b);
  b = rig.stat("/b")->attributes.modified;
  rig.world.run_for(seconds(1));
  REQUIRE(rig.mkdir("/b/d").ok());
  EXPECT_GT(rig.stat("/b")->attributes.modified, b);
  EXPECT(across);
}

TEST_CASE("a second name shares the file until the last one goes") {
  TreeRig rig;
  REQUIRE(rig.mkdir("/d").ok());
  REQUIRE(rig.put("/a", "text").ok());
  auto linked = rig.link("/a", "/d/b");
  REQUIRE(linked.ok());
  EXPECT_EQ(linked->links, 2);
  EXPECT_EQ(*rig.read("/d/b"), "text");
  REQUIRE(rig.put("/d/b", "changed").ok());
  EXPECT_EQ(*rig.read("/a"), "changed");
  REQUIRE(rig.link("/d/b", "/c").ok());
  EXPECT_EQ(rig.stat("/a")->links, 3);
  EXPECT(rig.link("/a", "/c").is(Code::exists));
  EXPECT(rig.link("/d", "/e").is(Code::is_directory));
  REQUIRE(rig.rename("/c", "/a").ok());
  EXPECT_EQ(rig.list("/"), "a c d");
  REQUIRE(rig.unlink("/a").ok());
  REQUIRE(rig.unlink("/c").ok());
  EXPECT_EQ(rig.stat("/d/b")->links, 1);
  EXPECT_EQ(*rig.read("/d/b"), "changed");
  REQUIRE(rig.unlink("/d/b").ok());
  EXPECT(rig.read("/d/b").is(Code::not_found));
}

TEST_CASE("a rename replaces what it may and refuses the rest") {
  TreeRig rig;
  for (const char* path : {"/a", "/a/b", "/a/b/c", "/e", "/f"}) REQUIRE(rig.mkdir(path).ok());
  REQUIRE(rig.put("/one", "1").ok());
  REQUIRE(rig.put("/two", "2").ok());
  REQUIRE(rig.rename("/one", "/two").ok());
  EXPECT_EQ(*rig.read("/two"), "1");
  EXPECT(rig.rename("/one", "/two").is(Code::not_found));
  REQUIRE(rig.rename("/two", "/a/two").ok());
  EXPECT_EQ(*rig.read("/a/two"), "1");
  EXPECT(rig.rename("/a", "/a/b/c/d").is(Code::invalid_argument));
  EXPECT(rig.rename("/a", "/a/b").is(Code::invalid_argument));
  EXPECT(rig.rename("/a/b", "/a").is(Code::not_empty));
  EXPECT(rig.rename("/e", "/a").is(Code::not_empty));
  EXPECT(rig.rename("/e", "/a/two").is(Code::not_directory));
  EXPECT(rig.rename("/a/two", "/e").is(Code::is_directory));
  EXPECT(rig.rename("/a/two", "/a").is(Code::not_empty));
  REQUIRE(rig.rename("/a/b", "/e").ok());
  EXPECT_EQ(rig.list("/e"), "c");
  REQUIRE(rig.rename("/e", "/f/g").ok());
  EXPECT_EQ(rig.list("/f/g"), "c");
  EXPECT(rig.rename("/f", "/f/g/c/h").is(Code::invalid_argument));
  EXPECT(rig.rename("/f", "/f").ok());
  EXPECT(rig.rename("/f", "/").is(Code::in_use));
}

TEST_CASE("symbolic links are followed where calls follow them, and not in circles") {
  TreeRig rig;
  REQUIRE(rig.mkdir("/d").ok());
  REQUIRE(rig.mkdir("/d/e").ok());
  REQUIRE(rig.symlink("d/e", "/l").ok());
  REQUIRE(rig.put("/l/f", "through").ok());
  EXPECT_EQ(*rig.read("/d/e/f"), "through");
  REQUIRE(rig.symlink("../e/f", "/d/e/up").ok());
  EXPECT_EQ(*rig.read("/l/up"), "through");
  REQUIRE(rig.symlink("/x", "/y").ok());
  REQUIRE(rig.symlink("/y", "/x").ok());
  EXPECT(rig.read("/x").is(Code::invalid_path));
  EXPECT(rig.stat("/x")->type == FileType::symlink);
  REQUIRE(rig.symlink("new", "/dangling").ok());
  REQUIRE(rig.put("/dangling", "made").ok());
  EXPECT_EQ(*rig.read("/new"), "made");
  EXPECT(rig.mkdir("/dangling").is(Code::exists));
  REQUIRE(rig.unlink("/l").ok());
  EXPECT_EQ(*rig.read("/d/e/f"), "through");
}

TEST_CASE("a store can be made to depend on absence, on a version and on an ETag") {
  TreeRig rig;
  Change absent;
  absent.only_if.absent = true;
  auto first = rig.put("/a", "one", absent);
  REQUIRE(first.ok());
  EXPECT(rig.put("/a", "two", absent).is(Code::exists));
  Change version;
  version.only_if.version = first->version;
  auto second = rig.put("/a", "two", version);
  REQUIRE(second.ok());
  EXPECT(rig.put("/a", "three", version).is(Code::precondition_failed));
  EXPECT(rig.put("/b", "three", version).is(Code::not_found));
  Change etag;
  etag.only_if.etag = second->etag;
  REQUIRE(rig.put("/a", "three", etag).ok());
  EXPECT(rig.put("/a", "four", etag).is(Code::precondition_failed));
  EXPECT_EQ(*rig.read("/a"), "three");
}

TEST_CASE("an operation with a name is executed once") {
  TreeRig rig;
  Change named;
  named.operation.emplace();
  named.operation->fill(7);
  REQUIRE(rig.put("/a", "one", named).ok());
  REQUIRE(rig.put("/a", "two").ok());
  named.again = true;
  REQUIRE(rig.put("/a", "one", named).ok());
  EXPECT_EQ(*rig.read("/a"), "two");
  Change gone;
  gone.operation.emplace();
  gone.operation->fill(8);
  gone.settled.push_back(*named.operation);
  REQUIRE(rig.run([&](Env&) { return rig.names.unlink(rig.root, "/a", gone); }).ok());
  gone.again = true;
  REQUIRE(rig.run([&](Env&) { return rig.names.unlink(rig.root, "/a", gone); }).ok());
  EXPECT(rig.unlink("/a").is(Code::not_found));
}

TEST_CASE("a caller reaches what his key lets him reach, also through links") {
  TreeRig rig;
  REQUIRE(rig.mkdir("/mine").ok());
  REQUIRE(rig.put("/secret", "x").ok());
  REQUIRE(rig.symlink("/secret", "/mine/l").ok());
  Caller caller;
  caller.rights = std::make_shared<const Rights>(std::vector<AccessRule>{*parse_access_rule("r:/mine")});
  auto read = [&](const std::string& path) {
    return rig.run([&](Env&) { return rig.names.stat(caller, path, Follow::yes, seconds(1)); });
  };
  EXPECT(read("/mine").ok());
  EXPECT(read("/secret").is(Code::permission_denied));
  EXPECT(read("/mine/l").is(Code::permission_denied));
  EXPECT(read("/missing").is(Code::permission_denied));
  auto made = rig.run([&](Env&) { return rig.names.mkdir(caller, "/mine/d", Attributes(), Change()); });
  EXPECT(made.is(Code::permission_denied));
}

namespace {

Caller with_rules(std::vector<AccessRule> rules) {
  Caller caller;
  caller.name = "somebody";
  caller.rights = std::make_shared<const Rights>(std::move(rules));
  return caller;
}

}  // namespace

TEST_CASE("what is in a drop box is not taken out by a link or a new name") {
  TreeRig rig;
  for (const char* directory : {"/inbox", "/inbox/d", "/mine", "/inbox/open"}) REQUIRE(rig.mkdir(directory).ok());
  for (const char* file : {"/inbox/secret", "/inbox/d/deep", "/inbox/open/f"}) REQUIRE(rig.put(file, "s").ok());
  Caller caller =
      with_rules({*parse_access_rule("w:/inbox"), *parse_access_rule("rw:/mine"), *parse_access_rule("r:/inbox/open"),
                  *parse_access_rule("w:/box"), *parse_access_rule("r:/box/d/deep")});
  auto rename = [&](const char* from, const char* to) {
    return rig.run([&](Env&) { return rig.names.rename(caller, from, to, RenameOptions(), Change()); });
  };
  auto link = [&](const char* from, const char* to) {
    return rig.run([&](Env&) { return rig.names.link(caller, from, to, Change()); });
  };
  EXPECT(link("/inbox/secret", "/mine/s").is(Code::permission_denied));
  EXPECT(rename("/inbox/secret", "/mine/s").is(Code::permission_denied));
  EXPECT(rename("/inbox/d", "/mine/d").is(Code::permission_denied));
  // Below the place where it would be something may be read.
  EXPECT(rename("/inbox/d", "/inbox/open").is(Code::permission_denied));
  REQUIRE(rig.mkdir("/box").ok());
  EXPECT(rename("/inbox/d", "/box/d").is(Code::permission_denied));
  EXPECT(rename("/inbox/d", "/box/e").ok());
  EXPECT(rename("/inbox/secret", "/inbox/other").ok());
  EXPECT(link("/inbox/open/f", "/mine/f").ok());
}

TEST_CASE("making a directory with all above shows nothing that may not be read") {
  TreeRig rig;
  for (const char* directory : {"/secret", "/secret/hr", "/mine", "/drop", "/drop/there", "/shown"})
    REQUIRE(rig.mkdir(directory).ok());
  REQUIRE(rig.put("/secret/file", "s").ok());
  Caller caller = with_rules({*parse_access_rule("rw:/mine"), *parse_access_rule("w:/drop"),
                              *parse_access_rule("r:/shown"), *parse_access_rule("rw:/deep/er")});
  auto make = [&](const char* path) {
    return rig.run([&](Env&) { return rig.names.mkdir_all(caller, path, Attributes(), Change()); });
  };
  for (const char* path : {"/secret", "/secret/hr", "/secret/file", "/secret/none", "/none", "/secret/hr/x"})
    EXPECT(make(path).is(Code::permission_denied));
  REQUIRE(rig.run([&](Env&) { return rig.names.symlink(rig.root, "/secret/hr", "/mine/link", Attributes(), Change()); })
              .ok());
  EXPECT(make("/mine/link").is(Code::permission_denied));
  EXPECT(make("/mine/link/below").is(Code::permission_denied));
  EXPECT(make("/mine/a/b").ok());
  EXPECT(make("/mine/a/b").ok());
  EXPECT(make("/drop/there").ok());
  EXPECT(make("/shown").ok());
  EXPECT(make("/deep/er").is(Code::permission_denied));
  REQUIRE(rig.mkdir("/deep").ok());
  EXPECT(make("/deep/er/x").ok());
}

TEST_CASE("a change of a directory that has a name is executed once") {
  TreeRig rig;
  REQUIRE(rig.mkdir("/d").ok());
  AttributeChange add;
  Xattr xattr;
  xattr.name = "user.n";
  add.xattrs.push_back(xattr);
  add.xattrs_new = true;
  Change named;
  named.operation.emplace();
  named.operation->fill(7);
  auto set = [&] { return rig.run([&](Env&) { return rig.names.set(rig.root, "/d", Follow::yes, add, named); }); };
  REQUIRE(set().ok());
  named.again = true;
  EXPECT(set().ok());
  named.operation->fill(8);
  EXPECT(set().is(Code::exists));
}

TEST_CASE("the removal of a tree is executed once: what comes in its place stays") {
  TreeRig rig;
  REQUIRE(rig.mkdir("/d").ok());
  REQUIRE(rig.put("/d/f", "x").ok());
  Change named;
  named.operation.emplace();
  named.operation->fill(7);
  auto remove = [&] { return rig.run([&](Env&) { return rig.names.remove_tree(rig.root, "/d", 100, named); }); };
  auto first = remove();
  REQUIRE(first.ok());
  EXPECT(first->done);
  EXPECT_EQ(first->entries, 2);
  named.again = true;
  auto second = remove();
  REQUIRE(second.ok());
  EXPECT(second->done);
  REQUIRE(rig.mkdir("/d").ok());
  REQUIRE(remove().ok());
  EXPECT(rig.stat("/d").ok());
  named.operation->fill(8);
  REQUIRE(remove().ok());
  EXPECT(rig.stat("/d").is(Code::not_found));
  named.operation->fill(9);
  EXPECT(remove().is(Code::not_found));
}
