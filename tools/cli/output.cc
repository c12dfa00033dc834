#include "tools/cli/output.h"

#include <nlohmann/json.hpp>
#include <ostream>

#include "base/check.h"

namespace vortex::cli {

namespace {
// What helps against most errors of a kind, where the command itself has nothing better to say.
std::string_view usual_hint(Code code) {
  switch (code) {
    case Code::in_use:
      return "stop the process that uses it, then try again";
    case Code::no_space:
      return "free some space, then try again";
    case Code::permission_denied:
      return "run it as a user who may";
    default:
      return "";
  }
}
}  // namespace

Output::Output(bool json, std::ostream& out, std::ostream& err)
    : json_(json), out_(out), err_(err), object_(std::make_unique<nlohmann::json>(nlohmann::json::object())) {}

Output::~Output() = default;

void Output::text(std::string_view lines) {
  if (!json_) out_ << lines;
}

void Output::put(const std::string& name, nlohmann::json value) {
  if (json_) (*object_)[name] = std::move(value);
}

void Output::put_all(std::string_view json_object) {
  if (!json_) return;
  nlohmann::json members = nlohmann::json::parse(json_object, nullptr, false);
  CHECK_MSG(members.is_object(), "a command wrote JSON that is no object");
  object_->update(members);
}

int Output::finish(const Status& status) {
  std::string hint = hint_;
  if (!status.ok()) {
    const Error& error = status.error();
    if (hint.empty()) hint = usual_hint(error.code());
    if (json_) {
      nlohmann::json members = {{"code", code_info(error.code()).name}, {"message", error.message()}};
      if (!hint.empty()) members["hint"] = hint;
      (*object_)["error"] = std::move(members);
    } else {
      out_.flush();
      err_ << "vortex: " << error.message() << "\n";
      if (!hint.empty()) err_ << "  " << hint << "\n";
    }
  }
  // Text that is not UTF-8 (a file's name, say) must not stop the printing.
  if (json_) out_ << object_->dump(2, ' ', false, nlohmann::json::error_handler_t::replace) << "\n";
  out_.flush();
  if (!out_.good()) {
    err_ << "vortex: what was asked for could not be written to the standard output\n";
    return 1;
  }
  return status.ok() ? 0 : code_info(status.error().code()).exit_status;
}

}  // namespace vortex::cli
