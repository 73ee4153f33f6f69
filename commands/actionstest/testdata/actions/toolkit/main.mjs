import * as fs from 'fs'
import * as os from 'os'
import * as path from 'path'
import * as core from '@actions/core'
import * as exec from '@actions/exec'
import * as glob from '@actions/glob'
import * as io from '@actions/io'
import * as cache from '@actions/tool-cache'

core.info(`input [${core.getInput('who to greet', {required: true})}] [${core.getInput('empty')}]`)
core.info(`flag ${core.getBooleanInput('flag')}`)
core.info(`lines ${core.getMultilineInput('lines').join('|')}`)
core.info(`state ${core.getState('pre')}`)
core.info(`debug ${core.isDebug()}`)
try {
  core.getInput('missing', {required: true})
} catch (err) {
  core.info(err.message)
}

core.setOutput('text', 'first\nsecond')
core.setOutput('object', {a: [1, 'x'], b: null})
core.saveState('main', ['of', 'main'])
core.exportVariable('TOOLKIT_VARIABLE', 'exported\nin two lines')

const bin = path.join(process.env.RUNNER_TEMP, 'toolkit-bin')
await io.mkdirP(bin)
fs.writeFileSync(path.join(bin, 'toolkit-tool'), '#!/bin/sh\necho the tool runs\n', {mode: 0o755})
core.addPath(bin)
core.info(`which ${(await io.which('toolkit-tool', true)) === path.join(bin, 'toolkit-tool')}`)
await io.cp(bin, bin + '-copy', {recursive: true})
await io.rmRF(bin + '-copy')
core.info(`io ${fs.existsSync(bin + '-copy')}`)

core.setSecret('toolkit secret\nof two lines')
core.info('shown: toolkit secret, of two lines')
core.debug('only for those who debug')
core.notice('a notice', {title: 'T', file: 'a.txt', startLine: 3, startColumn: 4})
core.warning('a warning: 100%\nin two lines')
core.error(new Error('an error'))
core.info(`::add-matcher::${path.join(import.meta.dirname, 'matcher.json')}`)
await exec.exec('echo', ['PROBLEM sub/a.txt:3:4: found by a matcher'])
await core.group('a group', async () => core.info('in the group'))

await core.summary.addHeading('Toolkit').addRaw('with a toolkit secret', true).addList(['x', 'y']).write()

const code = await exec.exec('toolkit-tool', [], {silent: false})
const out = await exec.getExecOutput('sh', ['-c', 'echo out; echo err >&2; exit 3'], {ignoreReturnCode: true, silent: true})
core.info(`exec ${code} ${out.exitCode} ${out.stdout.trim()} ${out.stderr.trim()}`)

const globber = await glob.create('**/*.txt\n!**/skip*')
const found = (await globber.glob()).map(f => path.relative(process.env.GITHUB_WORKSPACE, f))
core.setOutput('globbed', found.sort().join(','))

const tools = path.join(process.env.RUNNER_TEMP, 'a-tool')
await io.mkdirP(tools)
fs.writeFileSync(path.join(tools, 'tool.txt'), 'x')
await cache.cacheDir(tools, 'a-tool', '1.2.3')
const kept = cache.find('a-tool', '1.x')
core.info(`cached ${kept === path.join(process.env.RUNNER_TOOL_CACHE, 'a-tool', '1.2.3', os.arch())} ${cache.findAllVersions('a-tool')}`)
