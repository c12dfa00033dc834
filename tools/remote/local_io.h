// Bytes of this machine's files, pipes and terminals, as sources and sinks of what is stored and fetched.
#pragma once

#include <memory>
#include <string>

#include "base/env.h"
#include "node/store/stream.h"

namespace vortex::remote {

// A descriptor that is closed with it, unless it is borrowed.
class Descriptor {
 public:
  Descriptor(int number, bool owned) : number_(number), owned_(owned) {}
  Descriptor(Descriptor&& other) noexcept;
  Descriptor& operator=(Descriptor&&) = delete;
  ~Descriptor();
  int number() const { return number_; }

 private:
  int number_;
  bool owned_;
};

// "-" is standard input.
Result<Descriptor> open_to_read(const std::string& path);

// Holes of sparse files are passed on as holes. What blocks runs on the pool.
class DescriptorSource final : public node::ByteSource {
 public:
  DescriptorSource(Env& env, Descriptor descriptor);
  Task<Result<node::Piece>> read(MutableBytes room) override;
  // Of a regular file, when it was opened; 0 for others.
  std::uint64_t size() const { return size_; }

 private:
  Result<node::Piece> read_now(MutableBytes room);

  Env& env_;
  Descriptor descriptor_;
  bool sparse_ = false;  // it can be asked where its holes are
  std::uint64_t offset_ = 0, size_ = 0;
};

// Writes in order, zeros where there are holes: pipes and terminals.
class PipeSink final : public node::ByteSink {
 public:
  PipeSink(Env& env, Descriptor descriptor) : env_(env), descriptor_(std::move(descriptor)) {}
  Task<Status> write(std::uint64_t offset, Buffer bytes) override;
  Task<Status> hole(std::uint64_t offset, std::uint64_t length) override;

 private:
  Env& env_;
  Descriptor descriptor_;
};

// Of a file or directory of this machine; `modified`: nanoseconds since 1970, also before.
timespec time_spec(std::int64_t modified);

// A file that appears under its name when it is whole: until then it has another one, in the same folder, which goes
// when the sink goes.
class FileSink final : public node::ByteSink {
 public:
  static Result<std::unique_ptr<FileSink>> create(Env& env, std::string path);
  ~FileSink() override;
  // Bytes of the file are counted from this offset of what is fetched.
  void begin_at(std::uint64_t offset) { base_ = offset; }

  Task<Status> write(std::uint64_t offset, Buffer bytes) override;
  Task<Status> hole(std::uint64_t offset, std::uint64_t length) override;
  Status finish(std::uint32_t mode, std::int64_t modified);

 private:
  FileSink(Env& env, std::string path, std::string temporary, Descriptor descriptor);
  Env& env_;
  std::string path_, temporary_;
  Descriptor descriptor_;
  std::uint64_t base_ = 0, end_ = 0;
  bool finished_ = false;
};

}  // namespace vortex::remote
