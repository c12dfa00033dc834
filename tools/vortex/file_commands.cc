// Commands that change names without moving bytes.
#include <nlohmann/json.hpp>

#include "tools/cli/output.h"
#include "tools/remote/file_text.h"
#include "tools/remote/remote.h"
#include "tools/vortex/commands.h"

namespace vortex {

namespace {

using remote::Remote;

cli::Command file_command(std::string name, std::string arguments, std::size_t least, std::size_t most,
                          std::string summary, remote::Body body) {
  cli::Command command;
  command.name = std::move(name);
  command.group = "files";
  command.arguments = std::move(arguments);
  command.arguments_min = least;
  command.arguments_max = most;
  command.summary = std::move(summary);
  command.run = remote::with_cluster(std::move(body));
  return command;
}

node::Attributes new_attributes(Env& env, std::uint32_t mode) {
  node::Attributes attributes;
  attributes.mode = mode;
  attributes.modified = env.clock().wall_now().time_since_epoch().count();
  attributes.accessed = attributes.changed = attributes.born = attributes.modified;
  return attributes;
}

Task<Status> mkdir(Remote& to, const cli::Invocation& invocation, cli::Output&) {
  for (const std::string& path : invocation.arguments) {
    node::Attributes attributes = new_attributes(to.env, 0755);
    auto made = co_await to.names.make_directory(path, invocation.has("--parents"), attributes, to.timeout);
    if (!made.ok()) co_return remote::about(path, made.error());
  }
  co_return Status();
}

Task<Status> rmdir(Remote& to, const cli::Invocation& invocation, cli::Output&) {
  for (const std::string& path : invocation.arguments) {
    Status removed = co_await to.names.remove(path, net::RemoveWhat::directory, to.timeout);
    if (!removed.ok()) co_return remote::about(path, removed.error());
  }
  co_return Status();
}

Task<Status> rm_tree(Remote& to, std::string path, std::uint64_t& entries) {
  auto removed = co_await to.names.remove_tree(path, to.timeout);
  if (!removed.ok()) co_return remote::about(path, removed.error());
  entries += *removed;
  co_return Status();
}

Task<Status> rm(Remote& to, const cli::Invocation& invocation, cli::Output& out) {
  std::uint64_t entries = 0;
  for (const std::string& path : invocation.arguments) {
    if (invocation.has("--recursive")) {
      CO_RETURN_IF_ERROR(co_await rm_tree(to, path, entries));
      continue;
    }
    Status removed = co_await to.names.remove(path, net::RemoveWhat::file, to.timeout);
    bool absent_is_fine = removed.is(Code::not_found) && invocation.has("--force");
    if (absent_is_fine) continue;
    if (removed.is(Code::is_directory)) out.hint("'vortex rm -r' removes a directory with all that is in it");
    if (!removed.ok()) co_return remote::about(path, removed.error());
    ++entries;
  }
  out.put("removed", entries);
  co_return Status();
}

// Where a file that is moved or copied to `target` ends up: inside, when that is a directory.
Task<Result<std::string>> destination(Remote& to, std::string source, std::string target, bool must_be_directory) {
  auto there = co_await to.names.stat(target, true, to.timeout);
  bool directory = there.ok() && there->type == node::FileType::directory;
  // Who may write may not always look: then the name is taken as it is.
  bool hidden = there.is(Code::permission_denied);
  if (!there.ok() && !there.is(Code::not_found) && !hidden) co_return remote::about(target, there.error());
  if (!directory && must_be_directory)
    co_return Error(Code::not_directory, target + " is not a directory, and several things cannot go to one name");
  co_return directory ? remote::below(target, remote::last_name(source)) : target;
}

Task<Status> mv(Remote& to, const cli::Invocation& invocation, cli::Output&) {
  const std::string& target = invocation.arguments.back();
  const std::size_t sources = invocation.arguments.size() - 1;
  for (std::size_t i = 0; i < sources; ++i) {
    const std::string& source = invocation.arguments[i];
    CO_ASSIGN_OR_RETURN(std::string path, co_await destination(to, source, target, sources > 1));
    Status moved = co_await to.names.rename(source, path, invocation.has("--no-clobber"), to.timeout);
    if (!moved.ok()) co_return remote::about(source + " to " + path, moved.error());
  }
  co_return Status();
}

Task<Status> cp(Remote& to, const cli::Invocation& invocation, cli::Output&) {
  const std::string& target = invocation.arguments.back();
  const std::size_t sources = invocation.arguments.size() - 1;
  for (std::size_t i = 0; i < sources; ++i) {
    const std::string& source = invocation.arguments[i];
    CO_ASSIGN_OR_RETURN(std::string path, co_await destination(to, source, target, sources > 1));
    auto copied = co_await to.names.copy(source, path, to.timeout);
    if (!copied.ok()) co_return remote::about(source + " to " + path, copied.error());
  }
  co_return Status();
}

Task<Status> ln(Remote& to, const cli::Invocation& invocation, cli::Output&) {
  const std::string& source = invocation.arguments[0];
  const std::string& path = invocation.arguments[1];
  if (invocation.has("--symbolic")) {
    auto made = co_await to.names.make_symlink(source, path, new_attributes(to.env, 0777), to.timeout);
    if (!made.ok()) co_return remote::about(path, made.error());
    co_return Status();
  }
  auto linked = co_await to.names.link(source, path, to.timeout);
  if (!linked.ok()) co_return remote::about(source + " to " + path, linked.error());
  co_return Status();
}

}  // namespace

std::vector<cli::Command> file_commands() {
  constexpr std::size_t any = cli::Command::kAny;
  std::vector<cli::Command> all = {
      file_command("mkdir", "PATH…", 1, any, "makes directories", mkdir),
      file_command("rmdir", "PATH…", 1, any, "removes empty directories", rmdir),
      file_command("rm", "PATH…", 1, any, "removes files; with -r directories and all that is in them", rm),
      file_command("mv", "SRC… DST", 2, any, "renames and moves, also over what is there", mv),
      file_command("cp", "SRC… DST", 2, any, "copies a file by reference: no byte of it moves", cp),
      file_command("ln", "SRC PATH", 2, 2, "gives a file another name; with -s a symbolic link", ln)};
  all[0].flags = {{"--parents", "", "make what is missing above, and do not mind what is there", 'p'}};
  all[2].flags = {{"--recursive", "", "directories too, with all that is in them", 'r'},
                  {"--force", "", "do not mind what is not there", 'f'}};
  all[3].flags = {{"--no-clobber", "", "fail when the new name is taken", 'n'}};
  all[5].flags = {{"--symbolic", "", "a symbolic link, whose target need not be there", 's'}};
  return all;
}

}  // namespace vortex
