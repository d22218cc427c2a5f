#!/bin/bash
# course.sh REPOSITORY: a bare repository of a course with the tags v1 and v2.
set -eu
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
export GIT_AUTHOR_NAME=Author GIT_AUTHOR_EMAIL=author@example.org GIT_COMMITTER_NAME=Author GIT_COMMITTER_EMAIL=author@example.org
git init --quiet --initial-branch=main
git config core.quotePath false

mkdir -p notebooks/week1 notebooks/week2
for name in changed unchanged deleted withdrawn 'two words' -rf '$(touch pwned)'; do
    echo "$name, first version" > "notebooks/week1/$name.ipynb"
done
echo 'the same in both' > notebooks/README
printf '#!/bin/sh\necho ran\n' > notebooks/run.sh
chmod +x notebooks/run.sh
ln -s /etc/passwd notebooks/link
echo 'notebooks/solutions.ipynb export-ignore' > .gitattributes
echo 42 > notebooks/solutions.ipynb
git add --all
git commit --quiet --message=1
git tag v1

for name in changed unchanged deleted; do
    echo "$name, second version" > "notebooks/week1/$name.ipynb"
done
git rm --quiet notebooks/week1/withdrawn.ipynb
for name in new taken; do
    echo "$name, second version" > "notebooks/week2/$name.ipynb"
done
git add --all
git commit --quiet --message=2
git tag v2
git clone --quiet --bare . "$1"
