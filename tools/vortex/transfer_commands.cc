// Commands that move bytes: store, fetch, cat, verify.
#include <filesystem>
#include <nlohmann/json.hpp>

#include "base/units.h"
#include "tools/cli/output.h"
#include "tools/remote/file_text.h"
#include "tools/remote/local_tree.h"
#include "tools/remote/remote.h"
#include "tools/remote/transfer.h"
#include "tools/vortex/commands.h"

namespace vortex {

namespace {

using remote::Remote;
using remote::Transfer;

Result<remote::StoreWish> store_wish(const cli::Invocation& invocation) {
  remote::StoreWish wish;
  wish.if_absent = invocation.has("--if-absent");
  ASSIGN_OR_RETURN(wish.if_version, invocation.whole_number("--if-version"));
  wish.resume = invocation.has("--resume");
  if (invocation.has("--replicas")) {
    ASSIGN_OR_RETURN(double replicas, invocation.number("--replicas", 0, 1));
    if (replicas > node::kReplicasMax)
      return Error(Code::invalid_argument, "--replicas is at most " + std::to_string(node::kReplicasMax));
    wish.replicas = static_cast<std::uint8_t>(replicas);
  }
  if (invocation.has("--append") && invocation.has("--offset"))
    return Error(Code::invalid_argument, "--append and --offset say two different places");
  if (invocation.has("--append")) wish.offset = remote::StoreWish::kAtEnd;
  if (auto text = invocation.text("--offset")) {
    ASSIGN_OR_RETURN(wish.offset, parse_size(*text));
  }
  if (wish.if_absent && wish.if_version)
    return Error(Code::invalid_argument, "a file that is absent has no version: say --if-absent or --if-version");
  return wish;
}

// So much is to do; what cannot be read is said when it is its turn.
std::uint64_t local_size(const std::string& path) {
  std::error_code error;
  if (std::filesystem::is_regular_file(path, error)) return std::filesystem::file_size(path, error);
  std::uint64_t size = 0;
  if (!std::filesystem::is_directory(path, error)) return size;
  auto options = std::filesystem::directory_options::skip_permission_denied;
  for (std::filesystem::recursive_directory_iterator each(path, options, error), end; !error && each != end;
       each.increment(error)) {
    std::error_code unknown;
    if (each->is_regular_file(unknown) && !each->is_symlink(unknown)) size += each->file_size(unknown);
  }
  return size;
}

void report(const Transfer& done, cli::Output& out) {
  out.put("files", done.files);
  if (done.skipped > 0) out.text(std::to_string(done.skipped) + " files were there already\n");
  out.put("skipped", done.skipped);
  if (done.left_out > 0)
    out.text(std::to_string(done.left_out) + " left out that are no files, directories or links, as " +
             remote::printable(done.left_out_last) + "\n");
  out.put("left_out", done.left_out);
  out.put("bytes_sent", done.bytes_sent);
  out.put("copies_found", done.copies_found);
  out.put("bytes", done.bytes);
  out.put("directories", done.directories);
}

Task<Status> store(Remote& to, const cli::Invocation& invocation, cli::Output& out) {
  CO_ASSIGN_OR_RETURN(remote::StoreWish wish, store_wish(invocation));
  const std::string& target = invocation.arguments.back();
  const std::size_t sources = invocation.arguments.size() - 1;
  auto there = co_await to.names.stat(target, true, to.timeout);
  bool directory = there.ok() && there->type == node::FileType::directory;
  // Who may write may not always look: then the name is taken as it is.
  bool hidden = there.is(Code::permission_denied);
  if (!there.ok() && !there.is(Code::not_found) && !hidden) co_return remote::about(target, there.error());
  if (sources > 1 && !directory)
    co_return Error(Code::not_directory, target + " is not a directory, and several files cannot go to one name");
  remote::Progress progress(to.env.clock(), !out.json());
  Transfer done;
  done.progress = &progress;
  for (std::size_t i = 0; i < sources; ++i) progress.expect(local_size(invocation.arguments[i]));
  for (std::size_t i = 0; i < sources; ++i) {
    const std::string& source = invocation.arguments[i];
    bool stream = source == "-";
    bool below = directory && !stream;
    std::string path = below ? remote::below(target, remote::last_name(source)) : target;
    std::error_code error;
    bool is_tree = !stream && std::filesystem::is_directory(source, error);
    if (is_tree && !invocation.has("--recursive")) {
      out.hint("'vortex store -r' stores a directory with all that is in it");
      co_return Error(Code::is_directory, source + " is a directory");
    }
    Status stored;
    if (is_tree) {
      stored = co_await remote::store_tree(to, source, path, wish, done);
    } else {
      stored = co_await remote::store_file(to, source, path, wish, done);
    }
    if (!stored.ok()) co_return stored;
  }
  if (done.last) out.put("version", done.last->version);
  if (done.last) out.put("etag", to_hex(done.last->etag));
  report(done, out);
  co_return Status();
}

// "OFFSET-END" with the last byte's number, "OFFSET-", or "-LAST": as in HTTP.
Result<remote::Range> parse_range(const std::string& text) {
  std::size_t dash = text.find('-');
  auto wrong = [&] {
    return Error(Code::invalid_argument, "--range is FIRST-LAST, FIRST- or -COUNT, not '" + text + "'");
  };
  if (dash == std::string::npos || text.size() == 1) return wrong();
  auto number = [](const std::string& digits) -> std::optional<std::uint64_t> {
    if (digits.empty() || digits.size() > 18) return std::nullopt;
    for (char c : digits)
      if (c < '0' || c > '9') return std::nullopt;
    return std::stoull(digits);
  };
  std::string before = text.substr(0, dash), after = text.substr(dash + 1);
  remote::Range range;
  auto first = number(before), last = number(after);
  if ((!before.empty() && !first) || (!after.empty() && !last)) return wrong();
  if (before.empty()) {
    range.from_end = *last;
    return range;
  }
  range.offset = *first;
  if (after.empty()) return range;
  if (*last < *first) return wrong();
  range.length = *last - *first + 1;
  return range;
}

Task<Status> fetch(Remote& from, const cli::Invocation& invocation, cli::Output& out) {
  remote::Range range;
  if (auto text = invocation.text("--range")) {
    CO_ASSIGN_OR_RETURN(range, parse_range(*text));
    if (invocation.has("--recursive"))
      co_return Error(Code::invalid_argument, "--range is of one file, and -r fetches many");
  }
  const std::string& target = invocation.arguments.back();
  const std::size_t sources = invocation.arguments.size() - 1;
  std::error_code error;
  bool directory = target != "-" && std::filesystem::is_directory(target, error);
  if (sources > 1 && !directory && target != "-")
    co_return Error(Code::not_directory, target + " is not a directory, and several files cannot go to one name");
  remote::Progress progress(from.env.clock(), !out.json());
  Transfer done;
  done.progress = &progress;
  for (std::size_t i = 0; i < sources; ++i) {
    const std::string& source = invocation.arguments[i];
    std::string path = directory ? remote::below(target, remote::last_name(source)) : target;
    auto inode = co_await from.names.stat(source, true, from.timeout);
    if (!inode.ok()) co_return remote::about(source, inode.error());
    bool is_tree = inode->type == node::FileType::directory;
    if (!is_tree) progress.expect(inode->size);
    if (is_tree && !invocation.has("--recursive")) {
      out.hint("'vortex fetch -r' fetches a directory with all that is in it");
      co_return Error(Code::is_directory, source + " is a directory");
    }
    if (is_tree && target == "-") co_return Error(Code::is_directory, source + " is a directory, and - takes bytes");
    Status fetched;
    if (is_tree) {
      fetched = co_await remote::fetch_tree(from, source, path, done);
    } else {
      fetched = co_await remote::fetch_file(from, source, path, range, done);
    }
    if (!fetched.ok()) co_return fetched;
  }
  // Standard output belongs to the bytes.
  if (target != "-") report(done, out);
  co_return Status();
}

Task<Status> cat(Remote& from, const cli::Invocation& invocation, cli::Output&) {
  Transfer done;
  for (const std::string& path : invocation.arguments)
    CO_RETURN_IF_ERROR(co_await remote::fetch_file(from, path, "-", remote::Range(), done));
  co_return Status();
}

Task<Status> verify(Remote& from, const cli::Invocation& invocation, cli::Output& out) {
  remote::Verified seen;
  for (const std::string& path : invocation.arguments) CO_RETURN_IF_ERROR(co_await remote::verify(from, path, seen));
  for (const std::string& path : seen.damaged) out.text("damaged: " + remote::printable(path) + "\n");
  for (const std::string& path : seen.unreadable) out.text("cannot be read now: " + remote::printable(path) + "\n");
  out.text(std::to_string(seen.checked) + " files checked, " + std::to_string(seen.damaged.size()) + " damaged\n");
  out.put("checked", seen.checked);
  out.put("damaged", seen.damaged);
  out.put("unreadable", seen.unreadable);
  if (!seen.damaged.empty()) co_return Error(Code::damaged, "some files cannot be read as they were stored");
  if (!seen.unreadable.empty()) co_return Error(Code::unreachable, "some files could not be read now");
  co_return Status();
}

cli::Command transfer_command(std::string name, std::string arguments, std::size_t least, std::string summary,
                              remote::Body body) {
  cli::Command command;
  command.name = std::move(name);
  command.group = "files";
  command.arguments = std::move(arguments);
  command.arguments_min = least;
  command.arguments_max = cli::Command::kAny;
  command.summary = std::move(summary);
  command.run = remote::with_cluster(std::move(body));
  return command;
}

}  // namespace

std::vector<cli::Command> transfer_commands() {
  std::vector<cli::Command> all = {
      transfer_command("store", "SRC… DST", 2, "stores files; - is standard input", store),
      transfer_command("fetch", "SRC… DST", 2, "fetches files; - is standard output", fetch),
      transfer_command("cat", "PATH…", 1, "prints what is in files", cat),
      transfer_command("verify", "PATH…", 1, "reads files, or all below directories, and checks every byte", verify)};
  all[0].flags = {{"--recursive", "", "directories, with all that is in them", 'r'},
                  {"--if-absent", "", "fail when there is a file of that name"},
                  {"--if-version", "N", "replace exactly this version"},
                  {"--replicas", "N", "copies of each chunk, whatever the directory's policy says"},
                  {"--resume", "", "leave out files that are there with the same size and time"},
                  {"--append", "", "behind the end of the file that is there"},
                  {"--offset", "SIZE", "over the bytes of the file that is there, from this one on"}};
  all[0].details =
      "Bytes that the cluster has already are not sent again, also those of a store that was cut short; --resume asks\n"
      "first which files are through. Modes and times are kept.";
  all[1].flags = {{"--recursive", "", "directories, with all that is in them", 'r'},
                  {"--range", "FIRST-LAST", "only these bytes; FIRST- and -COUNT work as in HTTP"}};
  return all;
}

}  // namespace vortex
